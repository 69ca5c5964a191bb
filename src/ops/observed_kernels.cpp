#include "ops/observed_kernels.h"

#include <utility>

#include "ops/attention.h"
#include "ops/layered_picture.h"
#include "ops/mask_runs.h"
#include "ops/subpixel_masks.h"
#include "ops/token_attention.h"

namespace facet::ops {
namespace {

/// Each operation is that of the kernels inside; those that multiply tell how much.
class ObservedKernels : public Kernels {
 public:
  ObservedKernels(KernelsPtr inner, Observer& observer) : inner_(std::move(inner)), observer_(observer) {}

  [[nodiscard]] std::string_view name() const override { return inner_->name(); }
  [[nodiscard]] std::string device_name() const override { return inner_->device_name(); }
  [[nodiscard]] std::unique_ptr<KernelState> make_state() const override { return inner_->make_state(); }
  [[nodiscard]] Precision precision() const override { return inner_->precision(); }
  [[nodiscard]] DType activation_dtype() const override { return inner_->activation_dtype(); }
  [[nodiscard]] const Kernels& full_precision() const override { return inner_->full_precision(); }
  [[nodiscard]] const Kernels& for_pictures() const override { return inner_->for_pictures(); }
  [[nodiscard]] bool on_host() const override { return inner_->on_host(); }
  [[nodiscard]] std::shared_ptr<BlockPool> make_pool() const override { return inner_->make_pool(); }
  [[nodiscard]] std::shared_ptr<BlockPool> make_upload_pool() const override {
    return inner_->make_upload_pool();
  }
  [[nodiscard]] Tensor placed(Tensor host) const override { return inner_->placed(std::move(host)); }
  [[nodiscard]] Tensor fetched(const Tensor& placed) const override { return inner_->fetched(placed); }
  void upload(Context& ctx, ConstTensorView host, TensorView out) const override {
    inner_->upload(ctx, host, out);
  }
  void download(Context& ctx, ConstTensorView x, TensorView host) const override {
    inner_->download(ctx, x, host);
  }
  void finish(Context& ctx) const override { inner_->finish(ctx); }
  void copy_rows(Context& ctx, RowsView from, std::int64_t rows, std::int64_t width, float* to,
                 std::int64_t to_stride) const override {
    inner_->copy_rows(ctx, from, rows, width, to, to_stride);
  }
  void keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks,
                         TensorView scores) const override {
    inner_->keep_stable_masks(ctx, args, masks, scores);
  }
  [[nodiscard]] std::vector<MaskRuns> mask_runs(Context& ctx, const MaskRunsArgs& args) const override {
    return inner_->mask_runs(ctx, args);
  }
  void picture_input(Context& ctx, const PictureInputArgs& args, TensorView out) const override {
    inner_->picture_input(ctx, args, out);
  }
  [[nodiscard]] std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return inner_->pack_linear(weight, bias);
  }
  [[nodiscard]] std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config,
                                                                ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return inner_->pack_conv2d(config, weight, bias);
  }

  void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
              TensorView out) const override {
    observer_.product({x.shape().numel() / weights.in(), weights.in(), weights.out()});
    inner_->linear(ctx, x, weights, options, out);
    if (options.accumulate) observer_.sum(out);
  }
  void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) const override {
    const Conv2dConfig& config = weights.config();
    const std::int64_t pixels = out.shape().numel() / config.out;
    const std::int64_t taps = std::int64_t(config.kernel) * config.kernel;
    if (config.depthwise) {
      observer_.other_multiply_adds(pixels * taps * config.out);
    } else {
      observer_.product({pixels, taps * config.in, config.out});
    }
    inner_->conv2d(ctx, x, weights, out);
  }
  void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                  Activation activation, TensorView out) const override {
    inner_->layer_norm(ctx, x, gamma, beta, eps, activation, out);
  }
  void attention(Context& ctx, const AttentionArgs& args, TensorView out) const override {
    observer_.other_multiply_adds(args.batch * args.heads * args.queries * args.keys *
                                  (args.dim + args.out_dim()));
    inner_->attention(ctx, args, out);
  }
  void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) const override {
    const std::int64_t keys = std::int64_t(args.window.height) * args.window.width;
    observer_.other_multiply_adds(out.shape().numel() * keys * 2);
    inner_->window_attention(ctx, args, out);
  }
  void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out) const override {
    tell_tokens(args.image, args.queries, args.heads);
    inner_->pool_for_tokens(ctx, args, out);
  }
  void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out) const override {
    tell_tokens(args.image, args.keys, args.heads);
    inner_->spread_tokens(ctx, args, out);
  }
  void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out) const override {
    const std::int64_t depth = args.bias.shape().numel() / 4;
    observer_.other_multiply_adds(args.x.shape().numel() * 4 * depth + out.shape().numel() * depth);
    inner_->subpixel_masks(ctx, args, out);
  }
  void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) const override {
    tell_projection(args.layers, args.projection);
    inner_->project_picture(ctx, args, out);
  }
  void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads,
                   TensorView out) const override {
    observer_.other_multiply_adds(out.shape().numel() * tokens.shape()[2] / heads);
    inner_->fold_tokens(ctx, tokens, matrix, heads, out);
  }
  void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) const override {
    tell_projection(args.layers, args.queries);
    observer_.other_multiply_adds(out.shape().numel() * args.keys.shape()[2] / args.heads);
    inner_->weigh_tokens(ctx, args, out);
  }
  void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) const override {
    tell_projection(args.layers, args.rest);
    const std::int64_t head_dim = args.values.shape()[2] / args.heads;
    const std::int64_t vectors = args.weights.shape()[2];
    observer_.other_multiply_adds(args.weights.shape().numel() * (head_dim + vectors));
    inner_->squared_length(ctx, args, out);
  }
  void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) const override {
    tell_projection(args.layers, args.keys);
    tell_projection(args.layers, args.values);
    const std::int64_t positions = args.keys.base.shape()[0] * kPositionBlock;
    observer_.other_multiply_adds(2 * args.queries.shape().numel() * positions);
    inner_->pool_picture(ctx, args, out);
  }
  void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) const override {
    tell_projection(args.layers, args.features);
    const std::int64_t depth = args.filters.shape()[2];
    const std::int64_t pixels = out.shape().numel() / out.shape()[1];
    observer_.other_multiply_adds(pixels * depth * (args.gamma.shape()[0] + out.shape()[1]));
    inner_->picture_masks(ctx, args, out);
  }
  void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first,
                          TensorView out) const override {
    inner_->to_position_blocks(ctx, x, first, out);
  }
  void convert(Context& ctx, ConstTensorView x, TensorView out) const override {
    inner_->convert(ctx, x, out);
  }
  void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) const override {
    inner_->add(ctx, a, b, out);
  }
  void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) const override {
    inner_->space_to_depth(ctx, x, block, out);
  }
  void activate(Context& ctx, Activation activation, TensorView x) const override {
    inner_->activate(ctx, activation, x);
  }
  void signed_mask(Context& ctx, bool binary, TensorView x) const override {
    inner_->signed_mask(ctx, binary, x);
  }
  void max_pool2(Context& ctx, ConstTensorView x, TensorView out) const override {
    inner_->max_pool2(ctx, x, out);
  }
  void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) const override {
    inner_->rotate_positions(ctx, angles, x);
  }
  void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) const override {
    inner_->add_upsampled2(ctx, x, out);
  }
  void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) const override {
    inner_->resize_bilinear(ctx, x, out);
  }

 private:
  /// Each position against the vectors that stand for the tokens, there and back.
  void tell_tokens(ConstTensorView image, ConstTensorView tokens, int heads) const {
    const std::int64_t vectors = tokens.shape()[0] * tokens.shape()[1] * heads;
    observer_.other_multiply_adds(2 * vectors * image.shape()[1] * image.shape()[2]);
  }

  /// A layer's weights against its vectors' projections.
  void tell_projection(PictureLayers layers, const PictureProjection& projection) const {
    for (const PictureLayer& layer : layers) {
      observer_.other_multiply_adds(layer.weights.shape().numel() * projection.base.shape()[1]);
    }
  }

  KernelsPtr inner_;
  Observer& observer_;
};

}  // namespace

KernelsPtr observed_kernels(KernelsPtr kernels, Observer& observer) {
  return std::make_shared<const ObservedKernels>(std::move(kernels), observer);
}

}  // namespace facet::ops
