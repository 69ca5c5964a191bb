#include <algorithm>

#include "core/check.h"
#include "ops/convert.h"
#include "ops/cpu/dnnl_primitives.h"

namespace facet::ops {
namespace {

using dnnl::memory;
using InnerProduct = dnnl::inner_product_forward;

// The layout that oneDNN likes does not depend on the number of rows where it has block kernels; this many
// rows stand in for "many" where it does.
constexpr std::int64_t kUsualRows = 4096;

memory::desc matrix(std::int64_t rows, std::int64_t columns, DType dtype) {
  return {{rows, columns}, dnnl_type(dtype), memory::format_tag::ab};
}

class DnnlLinear : public PackedLinear {
 public:
  DnnlLinear(ConstTensorView weight, ConstTensorView bias, DType weight_dtype)
      : PackedLinear(weight.shape()[1], weight.shape()[0]),
        identity(next_weights_identity()),
        dtype(weight_dtype),
        biased(!bias.empty()),
        memories(weight, matrix(out(), in(), DType::Float32), wanted(), bias) {}
  DnnlLinear(std::int64_t in, std::int64_t out, const std::string& layout, Tensor bytes)
      : PackedLinear(in, out),
        identity(next_weights_identity()),
        dtype(DnnlWeights::dtype_of(layout)),
        biased(DnnlWeights::has_bias(layout)),
        memories(wanted(), out, layout, std::move(bytes)) {}

  [[nodiscard]] memory::desc wanted() const {
    const memory::desc any({out(), in()}, dnnl_type(dtype), memory::format_tag::any);
    return descriptor(kUsualRows, any, {}, dtype).weights_desc();
  }
  [[nodiscard]] InnerProduct::primitive_desc descriptor(std::int64_t rows, const memory::desc& layout,
                                                        LinearOptions options, DType out_dtype) const {
    const auto attributes = dnnl_attributes(options.activation, options.accumulate);
    constexpr auto kind = dnnl::prop_kind::forward_inference;
    const memory::desc source = matrix(rows, in(), dtype);
    const memory::desc destination = matrix(rows, out(), out_dtype);
    if (!biased) return dnnl_describe<InnerProduct>(attributes, kind, source, layout, destination);
    const memory::desc bias({out()}, memory::data_type::f32, memory::format_tag::a);
    return dnnl_describe<InnerProduct>(attributes, kind, source, layout, bias, destination);
  }

  [[nodiscard]] Precision precision() const override {
    return dtype == DType::BFloat16 ? Precision::Bf16 : Precision::Fp32;
  }
  [[nodiscard]] PackedBytes packed() const override { return memories.packed(); }
  /// What products with it can give.
  [[nodiscard]] DType nearest_out(DType wanted) const {
    return dtype == DType::Float32 ? DType::Float32 : wanted;
  }

  std::uint64_t identity;
  DType dtype;  // of the weights and of x
  bool biased;
  DnnlWeights memories;
};

}  // namespace

std::unique_ptr<const PackedLinear> dnnl_pack_linear(ConstTensorView weight, ConstTensorView bias,
                                                     DType dtype) {
  return std::make_unique<DnnlLinear>(weight, bias, dtype);
}

std::unique_ptr<const PackedLinear> dnnl_open_linear(std::int64_t in, std::int64_t out,
                                                     const std::string& layout, Tensor bytes) {
  return std::make_unique<DnnlLinear>(in, out, layout, std::move(bytes));
}

void dnnl_linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
                 TensorView out) {
  const auto& packed = dynamic_cast<const DnnlLinear&>(weights);
  auto& state = dynamic_cast<DnnlState&>(ctx.state());
  const std::int64_t rows = x.shape().numel() / weights.in();
  const ReadAs from(ctx, x, packed.dtype);
  WriteAs to(ctx, out, packed.nearest_out(out.dtype()), options.accumulate);
  const DType out_dtype = to.view().dtype();
  const int variant = (static_cast<int>(options.activation) * 2 + (options.accumulate ? 1 : 0)) * 2 +
                      (out_dtype == DType::BFloat16 ? 1 : 0);
  PreparedPrimitive& prepared = state.prepared({packed.identity, rows, 0, 0, variant}, [&] {
    const auto described = packed.descriptor(rows, packed.memories.weights().get_desc(), options, out_dtype);
    return dnnl_prepare<InnerProduct>(described, packed.memories.weights(), packed.memories.bias());
  });
  state.execute(ctx, prepared, from.view().raw(), to.view().raw());
  to.finish(ctx);
}

}  // namespace facet::ops
