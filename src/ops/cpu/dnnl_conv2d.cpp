#include <cstring>

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
  DnnlConv2d(const Conv2dConfig& config, ConstTensorView weight, ConstTensorView bias, DType weight_dtype)
      : PackedConv2d(config),
        identity(next_weights_identity()),
        dtype(weight_dtype),
        biased(!bias.empty()),
        memories(weight, {filter(), memory::data_type::f32, memory::format_tag::oihw}, wanted(), bias) {}
  DnnlConv2d(const Conv2dConfig& config, const std::string& layout, Tensor bytes)
      : PackedConv2d(config),
        identity(next_weights_identity()),
        dtype(DnnlWeights::dtype_of(layout)),
        biased(DnnlWeights::has_bias(layout)),
        memories(wanted(), config.out, layout, std::move(bytes)) {}

  [[nodiscard]] memory::dims filter() const {
    return {config().out, config().in, config().kernel, config().kernel};
  }
  [[nodiscard]] memory::desc wanted() const {
    const memory::desc any(filter(), dnnl_type(dtype), memory::format_tag::any);
    const Size usual = config().expected_input.height > 0 ? config().expected_input : Size{64, 64};
    return descriptor(1, usual, any, dtype).weights_desc();
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
    if (!biased) {
      return dnnl_describe<Convolution>(attributes, kind, algorithm, source, layout, destination, strides,
                                        padding, padding);
    }
    const memory::desc bias({config().out}, memory::data_type::f32, memory::format_tag::a);
    return dnnl_describe<Convolution>(attributes, kind, algorithm, source, layout, bias, destination, strides,
                                      padding, padding);
  }

  [[nodiscard]] PackedBytes packed() const override { return memories.packed(); }
  /// What convolutions with it can give.
  [[nodiscard]] DType nearest_out(DType wanted) const {
    return dtype == DType::Float32 ? DType::Float32 : wanted;
  }

  std::uint64_t identity;
  DType dtype;  // of the weights and of x
  bool biased;
  DnnlWeights memories;
};

// Depthwise filters do not go through oneDNN: ours reads channels-last rows once and ends with the
// activation.
class SimdDepthwise : public PackedConv2d {
 public:
  SimdDepthwise(const Conv2dConfig& config, ConstTensorView weight, ConstTensorView bias)
      : PackedConv2d(config), memory_(Tensor::zeros({bias_at() + padded(config.out)}, DType::UInt8)) {
    auto* values = static_cast<float*>(memory_.view().raw());
    for (std::int64_t c = 0; c < config.out; ++c) {
      for (std::int64_t t = 0; t < count(); ++t) {
        values[t * config.out + c] = weight.data<float>()[c * count() + t];
      }
    }
    if (!bias.empty()) std::memcpy(values + bias_at() / 4, bias.raw(), bias.size_bytes());
  }
  SimdDepthwise(const Conv2dConfig& config, const std::string& layout, Tensor bytes)
      : PackedConv2d(config), memory_(std::move(bytes)) {
    if (layout != kLayout) refuse_layout(layout, kLayout);
    expect_packed_size(layout, memory_, bias_at() + padded(config.out));
  }

  [[nodiscard]] PackedBytes packed() const override { return {kLayout, memory_}; }
  /// [kernel * kernel, out] and [out]
  [[nodiscard]] ConstTensorView taps() const {
    return {memory_.view().raw(), {count(), config().out}, DType::Float32};
  }
  [[nodiscard]] ConstTensorView bias() const {
    const auto* bytes = static_cast<const std::uint8_t*>(memory_.view().raw());
    return {bytes + bias_at(), {config().out}, DType::Float32};
  }

 private:
  static constexpr const char* kLayout = "depthwise f32, bias";
  // Bytes of so many floats, up to the next boundary.
  static std::int64_t padded(std::int64_t floats) {
    return std::int64_t(packed_size(std::uint64_t(floats) * sizeof(float)));
  }
  [[nodiscard]] std::int64_t count() const { return std::int64_t(config().kernel) * config().kernel; }
  [[nodiscard]] std::int64_t bias_at() const { return padded(count() * config().out); }

  Tensor memory_;  // UInt8
};

}  // namespace

std::unique_ptr<const PackedConv2d> dnnl_pack_conv2d(const Conv2dConfig& config, ConstTensorView weight,
                                                     ConstTensorView bias, DType dtype) {
  if (config.depthwise) return std::make_unique<SimdDepthwise>(config, weight, bias);
  return std::make_unique<DnnlConv2d>(config, weight, bias, dtype);
}

std::unique_ptr<const PackedConv2d> dnnl_open_conv2d(const Conv2dConfig& config, const std::string& layout,
                                                     Tensor bytes) {
  if (config.depthwise) return std::make_unique<SimdDepthwise>(config, layout, std::move(bytes));
  return std::make_unique<DnnlConv2d>(config, layout, std::move(bytes));
}

void dnnl_conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) {
  if (weights.config().depthwise) {
    const auto& packed = dynamic_cast<const SimdDepthwise&>(weights);
    simd::depthwise_conv2d(ctx, x, packed.config(), packed.taps(), packed.bias(), out);
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
    const auto described = packed.descriptor(shape[0], size, packed.memories.weights().get_desc(), out_dtype);
    return dnnl_prepare<Convolution>(described, packed.memories.weights(), packed.memories.bias());
  });
  state.execute(ctx, prepared, from.view().raw(), to.view().raw());
  to.finish(ctx);
}

}  // namespace facet::ops
