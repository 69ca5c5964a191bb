#include "ops/cpu/dnnl_primitives.h"

#include <atomic>
#include <cstring>

namespace facet::ops {
namespace {

using dnnl::memory;

constexpr const char* kFloat32Prefix = "oneDNN f32";
constexpr const char* kBFloat16Prefix = "oneDNN bf16";
constexpr const char* kBiasSuffix = ", bias";

std::int64_t padded(std::int64_t bytes) { return std::int64_t(packed_size(std::uint64_t(bytes))); }

std::string numbers(const char* title, const std::int64_t* values, std::int64_t count) {
  std::string text = title;
  for (std::int64_t i = 0; i < count; ++i) text += (i == 0 ? " " : "x") + std::to_string(values[i]);
  return text;
}

// Sizes, strides and inner blocks; nothing where the layout is oneDNN's secret.
std::string blocking_text(const memory::desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  if (desc.get_format_kind() != memory::format_kind::blocked) return {};
  const auto list = [](const char* title, const memory::dims& values) {
    return numbers(title, values.data(), std::int64_t(values.size()));
  };
  return list("", desc.get_padded_dims()) + list(" strides", desc.get_strides()) +
         list(" blocks", desc.get_inner_blks()) + list(" of", desc.get_inner_idxs());
#else
  const dnnl_memory_desc_t& data = desc.data;
  if (data.format_kind != dnnl_blocked || data.extra.flags != 0) return {};
  const dnnl_blocking_desc_t& blocks = data.format_desc.blocking;
  return numbers("", data.padded_dims, data.ndims) + numbers(" strides", blocks.strides, data.ndims) +
         numbers(" blocks", blocks.inner_blks, blocks.inner_nblks) +
         numbers(" of", blocks.inner_idxs, blocks.inner_nblks);
#endif
}

std::string layout_text(const memory::desc& desc, bool bias) {
  const std::string blocking = blocking_text(desc);
  if (blocking.empty()) return {};
#if DNNL_VERSION_MAJOR >= 3
  const bool narrow = desc.get_data_type() == memory::data_type::bf16;
#else
  const bool narrow = desc.data_type() == memory::data_type::bf16;
#endif
  return (narrow ? kBFloat16Prefix : kFloat32Prefix) + blocking + (bias ? kBiasSuffix : "");
}

void append_eltwise(dnnl::post_ops& post, dnnl::algorithm algorithm) {
#if DNNL_VERSION_MAJOR >= 3
  post.append_eltwise(algorithm, 0, 0);
#else
  post.append_eltwise(1.0F, algorithm, 0, 0);
#endif
}

}  // namespace

const dnnl::engine& dnnl_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

std::uint64_t next_weights_identity() {
  static std::atomic<std::uint64_t> next{1};
  return next++;
}

bool dnnl_uses(dnnl_cpu_isa_t instructions) {
#if defined(__x86_64__)
  return (dnnl_get_effective_cpu_isa() & instructions) == instructions;  // each is a set of bits
#else
  static_cast<void>(instructions);
  return false;
#endif
}

bool dnnl_has_block_kernels() { return dnnl_uses(dnnl_cpu_isa_avx512_core); }

DType dnnl_weight_dtype(Precision precision) {
  return precision == Precision::Fp32 || !dnnl_has_block_kernels() ? DType::Float32 : DType::BFloat16;
}

dnnl::memory::data_type dnnl_type(DType dtype) {
  return dtype == DType::BFloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

PreparedPrimitive::PreparedPrimitive(dnnl::primitive primitive, Memories memories)
    : primitive_(std::move(primitive)), memories_(std::move(memories)) {
  const auto add = [&](int index, const dnnl::memory& memory) {
    if (memory) arguments_[count_++] = {index, memory.get()};
  };
  add(DNNL_ARG_SRC, memories_.source);
  add(DNNL_ARG_WEIGHTS, memories_.weights);
  add(DNNL_ARG_BIAS, memories_.bias);
  add(DNNL_ARG_DST, memories_.destination);
  add(DNNL_ARG_SCRATCHPAD, memories_.scratchpad);
}

void PreparedPrimitive::execute(Context& ctx, const dnnl::stream& stream, const void* source,
                                void* destination) {
  ctx.team().bind_caller();
  memories_.source.set_data_handle(const_cast<void*>(source));  // oneDNN's handles do not know const
  memories_.destination.set_data_handle(destination);
  const Tensor scratch =
      ctx.make({std::int64_t(memories_.scratchpad.get_desc().get_size()) + 1}, DType::UInt8);
  memories_.scratchpad.set_data_handle(const_cast<void*>(scratch.view().raw()));
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream.get(), count_, arguments_.data()),
                          "could not execute a product");
  dnnl::error::wrap_c_api(dnnl_stream_wait(stream.get()), "could not wait for a product");
}

dnnl::primitive_attr dnnl_attributes(Activation activation, bool accumulate) {
  dnnl::post_ops post;
  if (accumulate) post.append_sum(1.0F);
  if (activation == Activation::Relu) append_eltwise(post, dnnl::algorithm::eltwise_relu);
  if (activation == Activation::Gelu) append_eltwise(post, dnnl::algorithm::eltwise_gelu_erf);
  if (activation == Activation::Sigmoid) append_eltwise(post, dnnl::algorithm::eltwise_logistic);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(post);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

DnnlWeights::DnnlWeights(ConstTensorView weight, const memory::desc& plain, const memory::desc& wanted,
                         ConstTensorView bias)
    : layout_(layout_text(wanted, !bias.empty())) {
  const std::int64_t out = bias.empty() ? 0 : bias.shape().numel();
  memory_ = Tensor::zeros({padded(wanted.get_size()) + padded(4 * out)}, DType::UInt8);
  place(wanted, out);
  memory from(plain, dnnl_engine(), const_cast<void*>(weight.raw()));
  dnnl::stream stream(dnnl_engine());
  dnnl::reorder(from, weights_).execute(stream, from, weights_);
  stream.wait();
  if (bias_) std::memcpy(bias_.get_data_handle(), bias.raw(), bias.size_bytes());
}

DnnlWeights::DnnlWeights(const memory::desc& wanted, std::int64_t out, const std::string& layout,
                         Tensor bytes)
    : layout_(layout), memory_(std::move(bytes)) {
  const bool biased = has_bias(layout);
  const std::string expected = layout_text(wanted, biased);
  if (layout != expected || expected.empty()) refuse_layout(layout, expected);
  expect_packed_size(layout, memory_, padded(wanted.get_size()) + (biased ? padded(4 * out) : 0));
  place(wanted, biased ? out : 0);
}

void DnnlWeights::place(const memory::desc& wanted, std::int64_t out) {
  auto* bytes = static_cast<std::uint8_t*>(memory_.view().raw());
  weights_ = memory(wanted, dnnl_engine(), bytes);
  if (out == 0) return;
  const memory::desc vector({out}, memory::data_type::f32, memory::format_tag::a);
  bias_ = memory(vector, dnnl_engine(), bytes + padded(wanted.get_size()));
}

DType DnnlWeights::dtype_of(const std::string& layout) {
  return layout.starts_with(kBFloat16Prefix) ? DType::BFloat16 : DType::Float32;
}

bool DnnlWeights::has_bias(const std::string& layout) { return layout.ends_with(kBiasSuffix); }

}  // namespace facet::ops
