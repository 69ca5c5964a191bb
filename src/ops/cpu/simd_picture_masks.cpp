#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_picture_masks.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <utility>

#include "ops/cpu/layered_rows-inl.h"
#include "ops/cpu/simd.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// A matrix [rows][depth] by tiles of its rows.
void pack_rows(const float* matrix, std::size_t rows, std::size_t depth, float* to) {
  pack_tiles(
      rows, depth, [&](std::size_t row, std::size_t k) { return matrix[row * depth + k]; }, to);
}

class PictureMasks {
 public:
  PictureMasks(Context& ctx, const PictureMasksArgs& args, TensorView out)
      : args_(args),
        batch_(out.shape()[0]),
        masks_(out.shape()[1]),
        height_(out.shape()[2]),
        width_(out.shape()[3]),
        blocks_(args.features.base.shape()[0]),
        channels_(args.gamma.shape()[0]),
        depth_(args.filters.shape()[2]),
        weight_(floats(ctx, 4 * depth_, channels_)),
        filters_(floats(ctx, batch_, depth_ * masks_)),
        scratch_(floats(ctx, ctx.team().size(), (4 * channels_ + 4 * depth_ + 16 * masks_) * kBlock)),
        rows_(ctx, args.layers, args.features, batch_),
        out_(out.data<float>().data()) {
    pack_rows(data_of(args.weight), 4 * depth_, channels_, weight_.data<float>().data());
    for (std::size_t b = 0; b < batch_; ++b) {
      pack_rows(data_of(args.filters) + b * masks_ * depth_, masks_, depth_,
                filters_.data<float>().data() + b * masks_ * depth_);
    }
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
          filter(b, wide + at, masks + sub * 4 * masks_ * kBlock + at);
        }
      }
      interleave(b, block, masks);
    });
  }

 private:
  // x = gelu(layer_norm(x)) over the rows of one sub-pixel
  void normalize(float* x) const {
    const Floats d;
    const float* gamma = data_of(args_.gamma);
    const float* beta = data_of(args_.beta);
    const FloatVec share = hn::Set(d, 1.0F / float(channels_));
    for (std::size_t at = 0; at < kSpan; at += kLanes) {
      FloatVec sum = hn::Zero(d);
      for (std::size_t c = 0; c < channels_; ++c) sum = hn::Add(sum, hn::LoadU(d, x + c * kBlock + at));
      const FloatVec mean = hn::Mul(sum, share);
      FloatVec squares = hn::Zero(d);
      for (std::size_t c = 0; c < channels_; ++c) {
        const FloatVec centred = hn::Sub(hn::LoadU(d, x + c * kBlock + at), mean);
        squares = hn::MulAdd(centred, centred, squares);
      }
      const FloatVec deviation = hn::Sqrt(hn::MulAdd(squares, share, hn::Set(d, args_.eps)));
      const FloatVec inverse = hn::Div(hn::Set(d, 1.0F), deviation);
      for (std::size_t c = 0; c < channels_; ++c) {
        const FloatVec centred = hn::Mul(hn::Sub(hn::LoadU(d, x + c * kBlock + at), mean), inverse);
        hn::StoreU(gelu(hn::MulAdd(centred, hn::Set(d, gamma[c]), hn::Set(d, beta[c]))), d,
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

  // to[part][mask] = filters . wide[part]
  void filter(std::size_t b, const float* wide, float* to) const {
    const float* filters = std::as_const(filters_).data<float>().data() + b * masks_ * depth_;
    for (std::size_t part = 0; part < 4; ++part) {
      for_rows(0, masks_, [&](auto count, std::size_t mask) {
        FloatVec sum[count][kVecs];
        clear<count>(sum);
        accumulate<count>(filters + mask * depth_, count, wide + part * depth_ * kBlock, depth_, sum);
        store<count>(sum, to + (part * masks_ + mask) * kBlock);
      });
    }
  }

  // A sub-pixel is (dy, dx), its part (ey, ex): four of them lie beside each other in a line of a mask.
  void interleave(std::size_t b, std::size_t block, const float* masks) const {
    const Floats d;
    const std::size_t y = block * kBlock / (width_ / 4) * 4;
    const std::size_t x = block * kBlock % (width_ / 4) * 4;
    for (std::size_t m = 0; m < masks_; ++m) {
      for (std::size_t line = 0; line < 4; ++line) {
        const auto row = [&](std::size_t dx, std::size_t ex) {
          return masks + (((line / 2 * 2 + dx) * 4 + line % 2 * 2 + ex) * masks_ + m) * kBlock;
        };
        float* to = out_ + ((b * masks_ + m) * height_ + y + line) * width_ + x;
        for (std::size_t at = 0; at < kBlock; at += kLanes) {
          hn::StoreInterleaved4(hn::LoadU(d, row(0, 0) + at), hn::LoadU(d, row(0, 1) + at),
                                hn::LoadU(d, row(1, 0) + at), hn::LoadU(d, row(1, 1) + at), d, to + 4 * at);
        }
      }
    }
  }

  const PictureMasksArgs& args_;
  std::size_t batch_, masks_, height_, width_, blocks_, channels_, depth_;
  Tensor weight_;   // by tiles of the 4 * depth rows
  Tensor filters_;  // [batch], each by tiles of its masks
  Tensor scratch_;
  DirectRows rows_;
  float* out_;
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
