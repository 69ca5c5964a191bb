#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_picture_masks.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <utility>

#include "ops/cpu/layered_rows-inl.h"
#include "ops/cpu/picture_masks-inl.h"
#include "ops/cpu/simd.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

class PictureMasks {
 public:
  PictureMasks(Context& ctx, const PictureMasksArgs& args, TensorView out)
      : args_(args),
        batch_(out.shape()[0]),
        blocks_(args.features.base.shape()[0]),
        channels_(args.gamma.shape()[0]),
        depth_(args.filters.shape()[2]),
        weight_(floats(ctx, 4 * depth_, channels_)),
        rows_(ctx, args.layers, args.features, batch_),
        filters_(ctx, args, out),
        scratch_(
            floats(ctx, ctx.team().size(), (4 * channels_ + 4 * depth_) * kBlock + filters_.block_size())) {
    pack_rows(data_of(args.weight), 4 * depth_, channels_, weight_.data<float>().data());
  }

  void run(Context& ctx) {
    for_blocks(ctx, batch_, blocks_, [&](std::size_t b, std::size_t block, std::size_t thread) {
      float* features = scratch_.data<float>().data() + thread * scratch_.shape()[1];
      float* wide = features + 4 * channels_ * kBlock;
      float* masks = wide + 4 * depth_ * kBlock;
      for (std::size_t at = 0; at < kBlock; at += kSpan) {
        for_rows(0, 4 * channels_, [&](auto count, std::size_t row) {
          FloatVec sum[count][kVecs];
          rows_[b].template tile<count>(block, at, row, sum);
          store<count>(sum, features + row * kBlock + at);
        });
        for (std::size_t sub = 0; sub < 4; ++sub) {
          float* own = features + sub * channels_ * kBlock + at;
          normalize(own);
          widen(own, wide + at);
          for (std::size_t part = 0; part < 4; ++part) {
            filters_.filter(b, wide + part * depth_ * kBlock + at, masks + filters_.part(sub, part) + at);
          }
        }
      }
      filters_.interleave(b, block, masks);
    });
  }

 private:
  // x = gelu(layer_norm(x)) over the rows of one sub-pixel
  void normalize(float* x) const {
    const Floats d;
    const float* gamma = data_of(args_.gamma);
    const float* beta = data_of(args_.beta);
    for (std::size_t at = 0; at < kSpan; at += kLanes) {
      FloatVec sum = hn::Zero(d);
      for (std::size_t c = 0; c < channels_; ++c) sum = hn::Add(sum, hn::LoadU(d, x + c * kBlock + at));
      const ChannelNorm norm = channel_norm(x + at, channels_, sum, args_.eps);
      for (std::size_t c = 0; c < channels_; ++c) {
        const FloatVec normalized = norm.of(hn::LoadU(d, x + c * kBlock + at));
        hn::StoreU(gelu(hn::MulAdd(normalized, hn::Set(d, gamma[c]), hn::Set(d, beta[c]))), d,
                   x + c * kBlock + at);
      }
    }
  }

  // to = gelu(weight x + bias)
  void widen(const float* x, float* to) const {
    const float* weight = std::as_const(weight_).data<float>().data();
    const float* bias = data_of(args_.bias);
    for_rows(0, 4 * depth_, [&](auto count, std::size_t row) {
      FloatVec sum[count][kVecs];
      clear<count>(sum);
      accumulate<count>(weight + row * channels_, count, x, channels_, sum);
      add_constants<count>(bias + row, sum);
      apply_gelu<count>(sum);
      store<count>(sum, to + row * kBlock);
    });
  }

  const PictureMasksArgs& args_;
  std::size_t batch_, blocks_, channels_, depth_;
  Tensor weight_;  // by tiles of the 4 * depth rows
  DirectRows rows_;
  MaskFilters filters_;
  Tensor scratch_;
};

void run_picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) {
  PictureMasks(ctx, args, out).run(ctx);
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_picture_masks);

void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_picture_masks)(ctx, args, out);
}

}  // namespace facet::ops::simd
#endif
