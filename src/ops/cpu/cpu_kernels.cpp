#include "ops/cpu/dnnl_primitives.h"
#include "ops/cpu/rearrange.h"
#include "ops/cpu/resize.h"
#include "ops/cpu/simd.h"
#include "ops/kernels.h"

namespace facet::ops {
namespace {

class CpuKernels : public Kernels {
 public:
  [[nodiscard]] std::string_view name() const override { return "cpu"; }
  [[nodiscard]] std::unique_ptr<KernelState> make_state() const override {
    return std::make_unique<DnnlState>();
  }
  [[nodiscard]] std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return dnnl_pack_linear(weight, bias);
  }
  [[nodiscard]] std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config,
                                                                ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return dnnl_pack_conv2d(config, weight, bias);
  }
  void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
              TensorView out) const override {
    dnnl_linear(ctx, x, weights, options, out);
  }
  void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) const override {
    dnnl_conv2d(ctx, x, weights, out);
  }
  void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                  Activation activation, TensorView out) const override {
    simd::layer_norm(ctx, x, gamma, beta, eps, activation, out);
  }
  void attention(Context& ctx, const AttentionArgs& args, TensorView out) const override {
    simd::attention(ctx, args, out);
  }
  void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) const override {
    simd::window_attention(ctx, args, out);
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
  void matmul_transposed(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) const override {
    simd::matmul_transposed(ctx, a, b, out);
  }
  void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) const override {
    simd::add(ctx, a, b, out);
  }
  void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) const override {
    cpu_space_to_depth(ctx, x, block, out);
  }
  void gather_subpixels(Context& ctx, ConstTensorView x, TensorView out) const override {
    cpu_gather_subpixels(ctx, x, out);
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
};

}  // namespace

KernelsPtr cpu_kernels() {
  static const KernelsPtr kernels = std::make_shared<const CpuKernels>();
  return kernels;
}

}  // namespace facet::ops
