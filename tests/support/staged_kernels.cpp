#include "support/staged_kernels.h"

#include <map>
#include <utility>

#include "ops/attention.h"
#include "ops/context.h"
#include "ops/stable_masks.h"
#include "ops/subpixel_masks.h"
#include "ops/token_attention.h"

namespace facet::testing {
namespace {

using ops::Context;
using ops::Kernels;

class StagedState final : public ops::KernelState {
 public:
  explicit StagedState(ops::KernelsPtr kernels) : device(std::move(kernels), ThreadTeam(1)) {}
  Context device;
};

Context& device_of(Context& ctx) { return dynamic_cast<StagedState&>(ctx.state()).device; }

// The tensors of one operation: those that share memory on the host share it on the device.
class Stage {
 public:
  explicit Stage(Context& ctx) : device_(device_of(ctx)) {}
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] Context& device() { return device_; }
  [[nodiscard]] ConstTensorView in(ConstTensorView host) {
    return host.empty() ? host : ConstTensorView(staged(host).view().raw(), host.shape(), host.dtype());
  }
  [[nodiscard]] ops::HeadView in(ops::HeadView view) {
    view.tensor = in(view.tensor);
    return view;
  }
  // Begins with the host's values: an operation may add to them.
  [[nodiscard]] TensorView out(TensorView host) {
    outs_.push_back(host);
    return {staged(host).view().raw(), host.shape(), host.dtype()};
  }
  void finish() {
    for (const TensorView& host : outs_) {
      device_.kernels().download(device_, {staged(host).view().raw(), host.shape(), host.dtype()}, host);
    }
  }

 private:
  Tensor& staged(ConstTensorView host) {
    Tensor& copy = copies_[host.raw()];
    if (copy.empty()) {
      copy = device_.make(host.shape(), host.dtype());
      device_.kernels().upload(device_, host, copy);
    }
    return copy;
  }

  Context& device_;
  std::map<const void*, Tensor> copies_;
  std::vector<TensorView> outs_;
};

class StagedKernels final : public Kernels {
 public:
  explicit StagedKernels(ops::KernelsPtr inner) : inner_(std::move(inner)) {}

  [[nodiscard]] std::string_view name() const override { return inner_->name(); }
  [[nodiscard]] std::unique_ptr<ops::KernelState> make_state() const override {
    return std::make_unique<StagedState>(inner_);
  }
  [[nodiscard]] Precision precision() const override { return inner_->precision(); }
  [[nodiscard]] DType activation_dtype() const override { return inner_->activation_dtype(); }
  [[nodiscard]] std::unique_ptr<const ops::PackedLinear> pack_linear(ConstTensorView weight,
                                                                     ConstTensorView bias) const override {
    return inner_->pack_linear(weight, bias);
  }
  [[nodiscard]] std::unique_ptr<const ops::PackedConv2d> pack_conv2d(const ops::Conv2dConfig& config,
                                                                     ConstTensorView weight,
                                                                     ConstTensorView bias) const override {
    return inner_->pack_conv2d(config, weight, bias);
  }
  void linear(Context& ctx, ConstTensorView x, const ops::PackedLinear& weights, ops::LinearOptions options,
              TensorView out) const override {
    Stage stage(ctx);
    inner_->linear(stage.device(), stage.in(x), weights, options, stage.out(out));
    stage.finish();
  }
  void conv2d(Context& ctx, ConstTensorView x, const ops::PackedConv2d& weights,
              TensorView out) const override {
    Stage stage(ctx);
    inner_->conv2d(stage.device(), stage.in(x), weights, stage.out(out));
    stage.finish();
  }
  void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                  ops::Activation activation, TensorView out) const override {
    Stage stage(ctx);
    inner_->layer_norm(stage.device(), stage.in(x), stage.in(gamma), stage.in(beta), eps, activation,
                       stage.out(out));
    stage.finish();
  }
  void attention(Context& ctx, const ops::AttentionArgs& args, TensorView out) const override {
    Stage stage(ctx);
    ops::AttentionArgs own = args;
    own.q = stage.in(args.q);
    own.k = stage.in(args.k);
    own.v = stage.in(args.v);
    inner_->attention(stage.device(), own, stage.out(out));
    stage.finish();
  }
  void window_attention(Context& ctx, const ops::WindowAttentionArgs& args, TensorView out) const override {
    Stage stage(ctx);
    ops::WindowAttentionArgs own = args;
    own.q = stage.in(args.q);
    own.k = stage.in(args.k);
    own.v = stage.in(args.v);
    own.padding_row = stage.in(args.padding_row);
    own.relative_rows = stage.in(args.relative_rows);
    own.relative_columns = stage.in(args.relative_columns);
    own.bias = stage.in(args.bias);
    inner_->window_attention(stage.device(), own, stage.out(out));
    stage.finish();
  }
  void pool_for_tokens(Context& ctx, const ops::PoolForTokensArgs& args, TensorView out) const override {
    Stage stage(ctx);
    ops::PoolForTokensArgs own = args;
    for (const auto part : {&ops::PoolForTokensArgs::image, &ops::PoolForTokensArgs::positions,
                            &ops::PoolForTokensArgs::queries, &ops::PoolForTokensArgs::key_weight,
                            &ops::PoolForTokensArgs::value_weight, &ops::PoolForTokensArgs::value_bias}) {
      own.*part = stage.in(args.*part);
    }
    inner_->pool_for_tokens(stage.device(), own, stage.out(out));
    stage.finish();
  }
  void spread_tokens(Context& ctx, const ops::SpreadTokensArgs& args, TensorView out) const override {
    Stage stage(ctx);
    ops::SpreadTokensArgs own = args;
    for (const auto part :
         {&ops::SpreadTokensArgs::image, &ops::SpreadTokensArgs::positions, &ops::SpreadTokensArgs::keys,
          &ops::SpreadTokensArgs::values, &ops::SpreadTokensArgs::query_weight,
          &ops::SpreadTokensArgs::query_bias, &ops::SpreadTokensArgs::out_weight,
          &ops::SpreadTokensArgs::out_bias, &ops::SpreadTokensArgs::gamma, &ops::SpreadTokensArgs::beta}) {
      own.*part = stage.in(args.*part);
    }
    inner_->spread_tokens(stage.device(), own, stage.out(out));
    stage.finish();
  }
  void subpixel_masks(Context& ctx, const ops::SubpixelMasksArgs& args, TensorView out) const override {
    Stage stage(ctx);
    ops::SubpixelMasksArgs own = args;
    for (const auto part :
         {&ops::SubpixelMasksArgs::x, &ops::SubpixelMasksArgs::gamma, &ops::SubpixelMasksArgs::beta,
          &ops::SubpixelMasksArgs::weight, &ops::SubpixelMasksArgs::bias, &ops::SubpixelMasksArgs::skip,
          &ops::SubpixelMasksArgs::filters}) {
      own.*part = stage.in(args.*part);
    }
    inner_->subpixel_masks(stage.device(), own, stage.out(out));
    stage.finish();
  }
  void keep_stable_masks(Context& ctx, const ops::KeepStableMasksArgs& args, TensorView masks,
                         TensorView scores) const override {
    Stage stage(ctx);
    ops::KeepStableMasksArgs own = args;
    own.masks = stage.in(args.masks);
    own.scores = stage.in(args.scores);
    inner_->keep_stable_masks(stage.device(), own, stage.out(masks), stage.out(scores));
    stage.finish();
  }
  void convert(Context& ctx, ConstTensorView x, TensorView out) const override {
    Stage stage(ctx);
    inner_->convert(stage.device(), stage.in(x), stage.out(out));
    stage.finish();
  }
  void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) const override {
    Stage stage(ctx);
    inner_->add(stage.device(), stage.in(a), stage.in(b), stage.out(out));
    stage.finish();
  }
  void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) const override {
    Stage stage(ctx);
    inner_->space_to_depth(stage.device(), stage.in(x), block, stage.out(out));
    stage.finish();
  }
  void activate(Context& ctx, ops::Activation activation, TensorView x) const override {
    Stage stage(ctx);
    inner_->activate(stage.device(), activation, stage.out(x));
    stage.finish();
  }
  void signed_mask(Context& ctx, bool binary, TensorView x) const override {
    Stage stage(ctx);
    inner_->signed_mask(stage.device(), binary, stage.out(x));
    stage.finish();
  }
  void max_pool2(Context& ctx, ConstTensorView x, TensorView out) const override {
    Stage stage(ctx);
    inner_->max_pool2(stage.device(), stage.in(x), stage.out(out));
    stage.finish();
  }
  void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) const override {
    Stage stage(ctx);
    inner_->rotate_positions(stage.device(), stage.in(angles), stage.out(x));
    stage.finish();
  }
  void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) const override {
    Stage stage(ctx);
    inner_->add_upsampled2(stage.device(), stage.in(x), stage.out(out));
    stage.finish();
  }
  void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) const override {
    Stage stage(ctx);
    inner_->resize_bilinear(stage.device(), stage.in(x), stage.out(out));
    stage.finish();
  }

 private:
  ops::KernelsPtr inner_;
};

}  // namespace

ops::KernelsPtr staged_kernels(ops::KernelsPtr device_kernels) {
  return std::make_shared<const StagedKernels>(std::move(device_kernels));
}

}  // namespace facet::testing
