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

void DnnlState::execute(Context& ctx, PreparedPrimitive& prepared, const void* source, void* destination) {
  ctx.team().bind_caller();
  prepared.source.set_data_handle(const_cast<void*>(source));  // oneDNN's handles do not know const
  prepared.destination.set_data_handle(destination);
  Tensor scratch = ctx.make({std::int64_t(prepared.scratchpad.get_desc().get_size()) + 1}, DType::UInt8);
  prepared.scratchpad.set_data_handle(scratch.view().raw());
  std::unordered_map<int, dnnl::memory> args{{DNNL_ARG_SRC, prepared.source},
                                             {DNNL_ARG_WEIGHTS, prepared.weights},
                                             {DNNL_ARG_DST, prepared.destination},
                                             {DNNL_ARG_SCRATCHPAD, prepared.scratchpad}};
  if (prepared.bias) args.emplace(DNNL_ARG_BIAS, prepared.bias);
  prepared.primitive.execute(stream_, args);
  stream_.wait();
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
