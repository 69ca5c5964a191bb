#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_subpixel_masks.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <vector>

#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"
#include "ops/subpixel_masks.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// Sub-pixels handled together: with what they become (48 x 128 floats are 24 KB) they stay in the first-level
// cache, and 48 is a multiple of every tile's rows.
constexpr std::size_t kBlock = 48;
constexpr std::size_t kPanel = 2 * kLanes;

HWY_INLINE std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

// [rows][depth] -> [depth][width], zero beyond the last row
std::vector<float> panel_of(const float* matrix, std::size_t rows, std::size_t depth, std::size_t width) {
  std::vector<float> panel(depth * width, 0.0F);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < depth; ++k) panel[k * width + r] = matrix[r * depth + k];
  }
  return panel;
}

class SubpixelMasks {
 public:
  SubpixelMasks(const SubpixelMasksArgs& args, TensorView out)
      : args_(args),
        subpixels_(args.x.shape()[1]),
        channels_(args.x.shape()[2]),
        depth_(args.filters.shape()[2]),
        masks_(args.filters.shape()[1]),
        width_(out.shape()[3]),
        columns_(round_up(4 * depth_, kPanel)),
        mask_columns_(round_up(masks_, kLanes)),
        weights_(panel_of(args.weight.data<float>().data(), 4 * depth_, channels_, columns_)),
        bias_(columns_, 0.0F),
        out_(out.data<float>().data()) {
    std::copy(args.bias.data<float>().begin(), args.bias.data<float>().end(), bias_.begin());
    const std::size_t each = masks_ * depth_;
    for (std::int64_t b = 0; b < args.x.shape()[0]; ++b) {
      filters_.push_back(
          panel_of(args.filters.data<float>().data() + b * each, masks_, depth_, mask_columns_));
    }
  }

  [[nodiscard]] std::size_t blocks() const { return (subpixels_ + kBlock - 1) / kBlock; }

  struct Scratch {
    std::vector<float> normed, wide, product;
  };
  [[nodiscard]] Scratch scratch() const {
    return {std::vector<float>(kBlock * channels_), std::vector<float>(kBlock * columns_),
            std::vector<float>(kBlock * mask_columns_)};
  }

  void run(std::size_t batch, std::size_t block, Scratch& s) const {
    const std::size_t first = block * kBlock;
    const std::size_t count = std::min(kBlock, subpixels_ - first);
    const float* x = args_.x.data<float>().data() + (batch * subpixels_ + first) * channels_;
    for (std::size_t n = 0; n < count; ++n) {
      normalize_row(x + n * channels_, args_.gamma.data<float>().data(), args_.beta.data<float>().data(),
                    channels_, args_.eps, Activation::Gelu, s.normed.data() + n * channels_);
    }
    widen(first, count, s);
    for (std::size_t part = 0; part < 4; ++part) {
      multiply_rows<1>(s.wide.data() + part * depth_, columns_, filters_[batch].data(), mask_columns_,
                       round_up(count, kRowGrain), depth_, s.product.data(), mask_columns_, false);
      for (std::size_t v = kLanes; v < mask_columns_; v += kLanes) {
        multiply_rows<1>(s.wide.data() + part * depth_, columns_, filters_[batch].data() + v, mask_columns_,
                         round_up(count, kRowGrain), depth_, s.product.data() + v, mask_columns_, false);
      }
      scatter(batch, first, count, part, s.product.data());
    }
  }

 private:
  // wide = gelu(normed x weights + bias + skip)
  void widen(std::size_t first, std::size_t count, Scratch& s) const {
    const Floats d;
    for (std::size_t n = 0; n < count; ++n) {
      float* row = s.wide.data() + n * columns_;
      std::copy(bias_.begin(), bias_.end(), row);
      if (args_.skip.empty()) continue;
      const float* skip = args_.skip.data<float>().data() + (first + n) * 4 * depth_;
      for (std::size_t c = 0; c < 4 * depth_; ++c) row[c] += skip[c];
    }
    for (std::size_t column = 0; column < columns_; column += kPanel) {
      multiply_rows<2>(s.normed.data(), channels_, weights_.data() + column, columns_,
                       round_up(count, kRowGrain), channels_, s.wide.data() + column, columns_, true);
    }
    for (std::size_t i = 0; i < count * columns_; i += kLanes) {
      hn::StoreU(gelu(hn::LoadU(d, s.wide.data() + i)), d, s.wide.data() + i);
    }
  }

  // part is (ey, ex); a sub-pixel's index ends in (dy, dx).
  void scatter(std::size_t batch, std::size_t first, std::size_t count, std::size_t part,
               const float* product) const {
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t at = first + n;
      const std::size_t pixel = at / 4;
      const std::size_t y = pixel / (width_ / 4) * 4 + at % 4 / 2 * 2 + part / 2;
      const std::size_t x = pixel % (width_ / 4) * 4 + at % 2 * 2 + part % 2;
      for (std::size_t m = 0; m < masks_; ++m) {
        out_[(batch * masks_ + m) * 4 * subpixels_ + y * width_ + x] = product[n * mask_columns_ + m];
      }
    }
  }

  const SubpixelMasksArgs& args_;
  std::size_t subpixels_, channels_, depth_, masks_, width_;
  std::size_t columns_, mask_columns_;
  std::vector<float> weights_, bias_;
  std::vector<std::vector<float>> filters_;
  float* out_;
};

void run_subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out) {
  const SubpixelMasks masks(args, out);
  const std::size_t items = masks.blocks() * args.x.shape()[0];
  const std::size_t parts = std::min<std::size_t>(items, ctx.team().size());
  ctx.team().parallel_for(std::int64_t(parts), [&](std::int64_t part, int) {
    SubpixelMasks::Scratch scratch = masks.scratch();
    for (std::size_t item = items * part / parts; item < items * (part + 1) / parts; ++item) {
      masks.run(item / masks.blocks(), item % masks.blocks(), scratch);
    }
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_subpixel_masks);

void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_subpixel_masks)(ctx, args, out);
}

}  // namespace facet::ops::simd
#endif
