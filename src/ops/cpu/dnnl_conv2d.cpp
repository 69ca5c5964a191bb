#include "core/check.h"
#include "ops/convert.h"
#include "ops/cpu/dnnl_primitives.h"
#include "ops/cpu/simd.h"

namespace facet::ops {
namespace {

using dnnl::memory;
using Convolution = dnnl::convolution_forward;

memory::desc channels_last(std::int64_t batch, std::int64_t channels, Size size, DType dtype) {
  return {{batch, channels, size.height, size.width}, dnnl_type(dtype), memory::format_tag::nhwc};
}

class DnnlConv2d : public PackedConv2d {
 public:
  DnnlConv2d(const Conv2dConfig& config, ConstTensorView weight, ConstTensorView bias_values,
             DType weight_dtype)
      : PackedConv2d(config), identity(next_weights_identity()), dtype(weight_dtype) {
    if (!bias_values.empty()) {
      const memory::desc vector({config.out}, memory::data_type::f32, memory::format_tag::a);
      bias = dnnl_reordered(bias_values, vector, vector);
    }
    const memory::dims dims{config.out, config.in, config.kernel, config.kernel};
    const memory::desc any(dims, dnnl_type(dtype), memory::format_tag::any);
    const memory::desc plain(dims, memory::data_type::f32, memory::format_tag::oihw);
    const Size usual = config.expected_input.height > 0 ? config.expected_input : Size{64, 64};
    weights = dnnl_reordered(weight, plain, descriptor(1, usual, any, dtype).weights_desc());
  }

  [[nodiscard]] Convolution::primitive_desc descriptor(std::int64_t batch, Size size,
                                                       const memory::desc& layout, DType out_dtype) const {
    const memory::desc source = channels_last(batch, config().in, size, dtype);
    const memory::desc destination =
        channels_last(batch, config().out, config().output_size(size), out_dtype);
    const memory::dims strides{config().stride, config().stride};
    const memory::dims padding{config().padding, config().padding};
    const auto attributes = dnnl_attributes(config().activation, false);
    constexpr auto kind = dnnl::prop_kind::forward_inference;
    constexpr auto algorithm = dnnl::algorithm::convolution_direct;
    if (!bias) {
      return dnnl_describe<Convolution>(attributes, kind, algorithm, source, layout, destination, strides,
                                        padding, padding);
    }
    return dnnl_describe<Convolution>(attributes, kind, algorithm, source, layout, bias.get_desc(),
                                      destination, strides, padding, padding);
  }

  /// What convolutions with it can give.
  [[nodiscard]] DType nearest_out(DType wanted) const {
    return dtype == DType::Float32 ? DType::Float32 : wanted;
  }

  std::uint64_t identity;
  DType dtype;  // of the weights and of x
  memory weights;
  memory bias;
};

// Depthwise filters do not go through oneDNN: ours reads channels-last rows once and ends with the
// activation.
class SimdDepthwise : public PackedConv2d {
 public:
  SimdDepthwise(const Conv2dConfig& config, ConstTensorView weight, ConstTensorView bias_values)
      : PackedConv2d(config),
        taps(Shape({std::int64_t(config.kernel) * config.kernel, config.out})),
        bias(bias_values.empty() ? Tensor::zeros({config.out})
                                 : Tensor::from(bias_values.data<float>(), bias_values.shape())) {
    const std::int64_t count = std::int64_t(config.kernel) * config.kernel;
    for (std::int64_t c = 0; c < config.out; ++c) {
      for (std::int64_t t = 0; t < count; ++t) {
        taps.data<float>()[t * config.out + c] = weight.data<float>()[c * count + t];
      }
    }
  }
  Tensor taps;
  Tensor bias;
};

}  // namespace

std::unique_ptr<const PackedConv2d> dnnl_pack_conv2d(const Conv2dConfig& config, ConstTensorView weight,
                                                     ConstTensorView bias, DType dtype) {
  if (config.depthwise) return std::make_unique<SimdDepthwise>(config, weight, bias);
  return std::make_unique<DnnlConv2d>(config, weight, bias, dtype);
}

void dnnl_conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) {
  if (weights.config().depthwise) {
    const auto& packed = dynamic_cast<const SimdDepthwise&>(weights);
    simd::depthwise_conv2d(ctx, x, packed.config(), packed.taps, packed.bias, out);
    return;
  }
  const auto& packed = dynamic_cast<const DnnlConv2d&>(weights);
  auto& state = dynamic_cast<DnnlState&>(ctx.state());
  const Shape& shape = x.shape();
  const ReadAs from(ctx, x, packed.dtype);
  WriteAs to(ctx, out, packed.nearest_out(out.dtype()));
  const DType out_dtype = to.view().dtype();
  const DnnlState::Key key{packed.identity, shape[0], shape[1], shape[2],
                           out_dtype == DType::BFloat16 ? 1 : 0};
  PreparedPrimitive& prepared = state.prepared(key, [&] {
    const Size size{int(shape[1]), int(shape[2])};
    const auto described = packed.descriptor(shape[0], size, packed.weights.get_desc(), out_dtype);
    return dnnl_prepare<Convolution>(described, packed.weights, packed.bias);
  });
  state.execute(ctx, prepared, from.view().raw(), to.view().raw());
  to.finish(ctx);
}

}  // namespace facet::ops
