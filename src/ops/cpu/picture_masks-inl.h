// What is the same in picture_masks (ops/layered_picture.h) whichever way its products are made; included
// once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_PICTURE_MASKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_PICTURE_MASKS_INL_H_
#undef FACET_OPS_CPU_PICTURE_MASKS_INL_H_
#else
#define FACET_OPS_CPU_PICTURE_MASKS_INL_H_
#endif

#include <cstddef>
#include <utility>

#include "ops/cpu/position_tiles-inl.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// A matrix [rows][depth] by tiles of its rows.
inline void pack_rows(const float* matrix, std::size_t rows, std::size_t depth, float* to) {
  pack_tiles(
      rows, depth, [&](std::size_t row, std::size_t k) { return matrix[row * depth + k]; }, to);
}

// What a layer norm over channels makes of values at kLanes positions, before its scale and shift.
struct ChannelNorm {
  HWY_INLINE FloatVec of(FloatVec value) const { return hn::Mul(hn::Sub(value, mean), inverse); }
  FloatVec mean, inverse;
};

// x [channels][kBlock], whose sum over the channels is known
HWY_INLINE ChannelNorm channel_norm(const float* x, std::size_t channels, FloatVec sum, float eps) {
  const Floats d;
  const FloatVec share = hn::Set(d, 1.0F / float(channels));
  const FloatVec mean = hn::Mul(sum, share);
  FloatVec squares = hn::Zero(d);
  for (std::size_t c = 0; c < channels; ++c) {
    const FloatVec centred = hn::Sub(hn::LoadU(d, x + c * kBlock), mean);
    squares = hn::MulAdd(centred, centred, squares);
  }
  const FloatVec deviation = hn::Sqrt(hn::MulAdd(squares, share, hn::Set(d, eps)));
  return {mean, hn::Div(hn::Set(d, 1.0F), deviation)};
}

// The filters of each prompt, and where the masks that they make go.
class MaskFilters {
 public:
  MaskFilters(Context& ctx, const PictureMasksArgs& args, TensorView out)
      : masks_(out.shape()[1]),
        height_(out.shape()[2]),
        width_(out.shape()[3]),
        depth_(args.filters.shape()[2]),
        filters_(floats(ctx, out.shape()[0], depth_ * masks_)),
        out_(out.data<float>().data()) {
    for (std::size_t b = 0; b < std::size_t(out.shape()[0]); ++b) {
      const std::size_t own = b * masks_ * depth_;
      pack_rows(data_of(args.filters) + own, masks_, depth_, filters_.data<float>().data() + own);
    }
  }

  // Numbers of a block's masks at all its sub-pixels, [sub-pixel][part][mask][kBlock].
  [[nodiscard]] std::size_t block_size() const { return 16 * masks_ * kBlock; }
  [[nodiscard]] std::size_t part(std::size_t sub, std::size_t part) const {
    return (4 * sub + part) * masks_ * kBlock;
  }

  // to[mask] = filters . wide [depth][kBlock], for kSpan positions
  HWY_INLINE void filter(std::size_t b, const float* wide, float* to) const {
    const float* filters = std::as_const(filters_).data<float>().data() + b * masks_ * depth_;
    for_rows(0, masks_, [&](auto count, std::size_t mask) {
      FloatVec sum[count][kVecs];
      clear<count>(sum);
      accumulate<count>(filters + mask * depth_, count, wide, depth_, sum);
      store<count>(sum, to + mask * kBlock);
    });
  }

  // A sub-pixel is (dy, dx), its part (ey, ex): four of them lie beside each other in a line of a mask.
  void interleave(std::size_t b, std::size_t block, const float* masks) const {
    const Floats d;
    const std::size_t y = block * kBlock / (width_ / 4) * 4;
    const std::size_t x = block * kBlock % (width_ / 4) * 4;
    for (std::size_t m = 0; m < masks_; ++m) {
      for (std::size_t line = 0; line < 4; ++line) {
        const auto row = [&](std::size_t dx, std::size_t ex) {
          return masks + part(line / 2 * 2 + dx, line % 2 * 2 + ex) + m * kBlock;
        };
        float* to = out_ + ((b * masks_ + m) * height_ + y + line) * width_ + x;
        for (std::size_t at = 0; at < kBlock; at += kLanes) {
          hn::StoreInterleaved4(hn::LoadU(d, row(0, 0) + at), hn::LoadU(d, row(0, 1) + at),
                                hn::LoadU(d, row(1, 0) + at), hn::LoadU(d, row(1, 1) + at), d, to + 4 * at);
        }
      }
    }
  }

 private:
  std::size_t masks_, height_, width_, depth_;
  Tensor filters_;  // [batch], each by tiles of its masks
  float* out_;
};

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
