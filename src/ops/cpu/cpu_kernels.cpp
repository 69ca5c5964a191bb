#include <array>

#include "ops/cpu/amx_layered_picture.h"
#include "ops/cpu/avx512_bf16_attention.h"
#include "ops/cpu/dnnl_primitives.h"
#include "ops/cpu/panel_conv2d.h"
#include "ops/cpu/rearrange.h"
#include "ops/cpu/resize.h"
#include "ops/cpu/simd.h"
#include "ops/float32_bridge.h"
#include "ops/kernels.h"

namespace facet::ops {
namespace {

// Weights of one size lose 0.9 % by rounding to bytes; more than this has columns ruled by few large weights.
constexpr double kMostRoundingError = 0.025;

// oneDNN has block kernels for floats from AVX-512 on. Before it, it multiplies whole matrices and goes over
// the result once more for what follows.
bool keeps_floats_in_panels(Precision precision) {
  return dnnl_weight_dtype(precision) == DType::Float32 && !dnnl_has_block_kernels();
}

class CpuKernels : public Kernels {
 public:
  explicit CpuKernels(Precision precision) : precision_(precision) {}
  [[nodiscard]] std::string_view name() const override { return "cpu"; }
  [[nodiscard]] std::unique_ptr<KernelState> make_state() const override {
    return std::make_unique<DnnlState>();
  }
  [[nodiscard]] Precision precision() const override { return precision_; }
  [[nodiscard]] DType activation_dtype() const override {
    return precision_ == Precision::Fp32 ? DType::Float32 : DType::BFloat16;
  }
  [[nodiscard]] const Kernels& full_precision() const override { return *cpu_kernels(Precision::Fp32); }
  [[nodiscard]] const Kernels& for_pictures() const override {
    return precision_ != Precision::Fp32 && has_amx_pictures() ? *cpu_kernels(Precision::Bf16)
                                                               : full_precision();
  }
  [[nodiscard]] std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    if (precision_ == Precision::Int8) {
      auto packed = std::make_unique<PanelLinear>(weight, bias, PanelLinear::Element::Byte);
      if (packed->rounding_error() <= kMostRoundingError) return packed;
    }
    // oneDNN's bfloat16 loses two thirds of its pace where one side of the matrix is short, and works
    // everywhere.
    if (precision_ != Precision::Fp32 && runs_fast(Precision::Bf16)) {
      return std::make_unique<PanelLinear>(weight, bias, PanelLinear::Element::BFloat16);
    }
    if (keeps_floats_in_panels(precision_)) {
      return std::make_unique<PanelLinear>(weight, bias, PanelLinear::Element::Float);
    }
    return dnnl_pack_linear(weight, bias, dnnl_weight_dtype(precision_));
  }
  [[nodiscard]] std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config,
                                                                ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    if (!config.depthwise && keeps_floats_in_panels(precision_)) {
      return std::make_unique<PanelConv2d>(config, weight, bias);
    }
    return dnnl_pack_conv2d(config, weight, bias, dnnl_weight_dtype(precision_));
  }
  [[nodiscard]] std::unique_ptr<const PackedLinear> open_linear(std::int64_t in, std::int64_t out,
                                                                const std::string& layout,
                                                                Tensor bytes) const override {
    if (PanelLinear::lays_out(layout))
      return std::make_unique<PanelLinear>(in, out, layout, std::move(bytes));
    return dnnl_open_linear(in, out, layout, std::move(bytes));
  }
  [[nodiscard]] std::unique_ptr<const PackedConv2d> open_conv2d(const Conv2dConfig& config,
                                                                const std::string& layout,
                                                                Tensor bytes) const override {
    if (PanelConv2d::lays_out(layout)) return std::make_unique<PanelConv2d>(config, layout, std::move(bytes));
    return dnnl_open_conv2d(config, layout, std::move(bytes));
  }
  void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
              TensorView out) const override {
    if (const auto* panels = dynamic_cast<const PanelLinear*>(&weights)) {
      simd::panel_linear(ctx, x, *panels, options, out);
    } else {
      dnnl_linear(ctx, x, weights, options, out);
    }
  }
  void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) const override {
    if (const auto* panels = dynamic_cast<const PanelConv2d*>(&weights)) {
      simd::panel_conv2d(ctx, x, panels->config(), panels->matrix(), out);
    } else {
      dnnl_conv2d(ctx, x, weights, out);
    }
  }
  void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                  Activation activation, TensorView out) const override {
    simd::layer_norm(ctx, x, gamma, beta, eps, activation, out);
  }
  void attention(Context& ctx, const AttentionArgs& args, TensorView out) const override {
    out.dtype() == DType::BFloat16 ? avx512_bf16_attention(ctx, args, out) : simd::attention(ctx, args, out);
  }
  void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) const override {
    out.dtype() == DType::BFloat16 ? avx512_bf16_window_attention(ctx, args, out)
                                   : simd::window_attention(ctx, args, out);
  }
  void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out) const override {
    simd::pool_for_tokens(ctx, args, out);
  }
  void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out) const override {
    simd::spread_tokens(ctx, args, out);
  }
  void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out) const override {
    simd::subpixel_masks(ctx, args, out);
  }
  void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) const override {
    simd::project_picture(ctx, args, out);
  }
  void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads,
                   TensorView out) const override {
    simd::fold_tokens(ctx, tokens, matrix, heads, out);
  }
  void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) const override {
    args.queries.base.dtype() == DType::BFloat16 ? amx_weigh_tokens(ctx, args, out)
                                                 : simd::weigh_tokens(ctx, args, out);
  }
  void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) const override {
    args.rest.base.dtype() == DType::BFloat16 ? amx_squared_length(ctx, args, out)
                                              : simd::squared_length(ctx, args, out);
  }
  void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) const override {
    args.keys.base.dtype() == DType::BFloat16 ? amx_pool_picture(ctx, args, out)
                                              : simd::pool_picture(ctx, args, out);
  }
  void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) const override {
    args.features.base.dtype() == DType::BFloat16 ? amx_picture_masks(ctx, args, out)
                                                  : simd::picture_masks(ctx, args, out);
  }
  void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first,
                          TensorView out) const override {
    simd::to_position_blocks(ctx, x, first, out);
  }
  void convert(Context& ctx, ConstTensorView x, TensorView out) const override { simd::convert(ctx, x, out); }
  void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) const override {
    simd::add(ctx, a, b, out);
  }
  void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) const override {
    cpu_space_to_depth(ctx, x, block, out);
  }
  void activate(Context& ctx, Activation activation, TensorView x) const override {
    simd::activate(ctx, activation, x);
  }
  void signed_mask(Context& ctx, bool binary, TensorView x) const override {
    simd::signed_mask(ctx, binary, x);
  }
  void max_pool2(Context& ctx, ConstTensorView x, TensorView out) const override {
    simd::max_pool2(ctx, x, out);
  }
  void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) const override {
    simd::rotate_positions(ctx, angles, x);
  }
  void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) const override {
    cpu_add_upsampled2(ctx, x, out);
  }
  void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) const override {
    cpu_resize_bilinear(ctx, x, out);
  }

 private:
  Precision precision_;
};

}  // namespace

KernelsPtr cpu_kernels(Precision precision) {
  static const auto make = [](Precision each) {
    if (has_avx512_bf16()) return KernelsPtr(std::make_shared<const CpuKernels>(each));
    return KernelsPtr(std::make_shared<const Float32AttentionBridge<CpuKernels>>(each));
  };
  static const std::array<KernelsPtr, 3> kernels = {make(Precision::Fp32), make(Precision::Bf16),
                                                    make(Precision::Int8)};
  return kernels[static_cast<std::size_t>(resolved(precision))];
}

}  // namespace facet::ops
