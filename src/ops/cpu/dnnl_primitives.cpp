#include "ops/cpu/dnnl_primitives.h"

#include <atomic>

namespace facet::ops {
namespace {

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

bool dnnl_takes_bfloat16() {
#if defined(__x86_64__)
  return dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core;
#else
  return false;
#endif
}

DType dnnl_weight_dtype(Precision precision) {
  return precision == Precision::Fp32 || !dnnl_takes_bfloat16() ? DType::Float32 : DType::BFloat16;
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

dnnl::memory dnnl_reordered(ConstTensorView values, const dnnl::memory::desc& plain,
                            const dnnl::memory::desc& wanted) {
  dnnl::memory from(plain, dnnl_engine(), const_cast<void*>(values.raw()));
  dnnl::memory to(wanted, dnnl_engine());
  dnnl::stream stream(dnnl_engine());
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  return to;
}

}  // namespace facet::ops
