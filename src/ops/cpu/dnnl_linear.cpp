#include <algorithm>

#include "core/check.h"
#include "ops/cpu/dnnl_primitives.h"

namespace facet::ops {
namespace {

using dnnl::memory;
using InnerProduct = dnnl::inner_product_forward;

// The layout that oneDNN likes does not depend on the number of rows where it has block kernels; this many
// rows stand in for "many" where it does.
constexpr std::int64_t kUsualRows = 4096;

memory::desc matrix(std::int64_t rows, std::int64_t columns) {
  return {{rows, columns}, memory::data_type::f32, memory::format_tag::ab};
}

class DnnlLinear : public PackedLinear {
 public:
  DnnlLinear(ConstTensorView weight, ConstTensorView bias_values)
      : PackedLinear(weight.shape()[1], weight.shape()[0]), identity(next_weights_identity()) {
    if (!bias_values.empty()) {
      const memory::desc vector({out()}, memory::data_type::f32, memory::format_tag::a);
      bias = dnnl_reordered(bias_values, vector, vector);
    }
    const memory::desc any({out(), in()}, memory::data_type::f32, memory::format_tag::any);
    const auto wanted = descriptor(kUsualRows, any, {}).weights_desc();
    weights = dnnl_reordered(weight, matrix(out(), in()), wanted);
  }

  [[nodiscard]] InnerProduct::primitive_desc descriptor(std::int64_t rows, const memory::desc& layout,
                                                        LinearOptions options) const {
    const auto attributes = dnnl_attributes(options.activation, options.accumulate);
    constexpr auto kind = dnnl::prop_kind::forward_inference;
    const memory::desc source = matrix(rows, in());
    const memory::desc destination = matrix(rows, out());
    if (!bias) return dnnl_describe<InnerProduct>(attributes, kind, source, layout, destination);
    return dnnl_describe<InnerProduct>(attributes, kind, source, layout, bias.get_desc(), destination);
  }

  std::uint64_t identity;
  memory weights;
  memory bias;
};

PreparedPrimitive prepare(const DnnlLinear& packed, std::int64_t rows, LinearOptions options) {
  const auto descriptor = packed.descriptor(rows, packed.weights.get_desc(), options);
  return {InnerProduct(descriptor),
          memory(descriptor.src_desc(), dnnl_engine(), nullptr),
          packed.weights,
          packed.bias,
          memory(descriptor.dst_desc(), dnnl_engine(), nullptr),
          memory(descriptor.scratchpad_desc(), dnnl_engine(), nullptr)};
}

}  // namespace

std::unique_ptr<const PackedLinear> dnnl_pack_linear(ConstTensorView weight, ConstTensorView bias) {
  return std::make_unique<DnnlLinear>(weight, bias);
}

void dnnl_linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
                 TensorView out) {
  const auto& packed = dynamic_cast<const DnnlLinear&>(weights);
  auto& state = dynamic_cast<DnnlState&>(ctx.state());
  const std::int64_t rows = x.shape().numel() / weights.in();
  const int variant = static_cast<int>(options.activation) * 2 + (options.accumulate ? 1 : 0);
  PreparedPrimitive& prepared =
      state.prepared({packed.identity, rows, 0, 0, variant}, [&] { return prepare(packed, rows, options); });
  state.execute(ctx, prepared, x.data<float>().data(), out.data<float>().data());
}

}  // namespace facet::ops
