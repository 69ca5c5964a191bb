#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"
#include "ops/mask_runs.h"
#include "segment/transforms.h"

namespace facet::segment {

/// From low-resolution logits to a mask of the picture's size: bilinear to the model's square, the padding
/// cut off, bilinear to the picture, as the reference; both steps together as at most three weighted rows and
/// columns, one column at a time, so that no picture-sized array of logits is needed for a mask.
///
/// Threads  const and shared by all threads
class MaskUpsampler {
 public:
  /// `low_res` is the side of the logits, `image_size` the model's square. Logits of a stretched picture go
  /// to its size in one step, as in SAM 2.
  MaskUpsampler(const Placement& placement, int low_res, int image_size);

  struct Options {
    float threshold = 0.0F;
    float stability_offset = 1.0F;  ///< 0: the score is not asked for and is 1
    Size canvas;                    ///< the mask's size; the picture may be a part of it
    int left = 0;                   ///< where in the canvas the picture lies
    int top = 0;
  };
  struct Mask {
    Rle rle;
    std::int64_t area = 0;
    BoxXywh box;  ///< tight; all zero when the mask is empty
    /// Pixels above threshold + offset over pixels above threshold - offset; 1 where there are none.
    float stability_score = 0;
  };
  /// logits [low_res * low_res] -> a mask on the canvas
  [[nodiscard]] Mask mask(std::span<const float> logits, const Options& options) const;
  using Take = std::function<void(std::size_t i, Mask mask)>;
  /// Masks of the wanted ones of logits [..., low_res, low_res] that lie where the operations read them:
  /// those of a device stay there, and their masks are made there. `take` is called on many threads at once.
  void masks(ops::Context& ctx, ConstTensorView logits, std::span<const std::int64_t> wanted,
             const Options& options, const Take& take) const;
  /// The stability score alone, without making a mask.
  [[nodiscard]] float stability_score(std::span<const float> logits, const Options& options) const;
  /// logits at the picture's size, row-major
  [[nodiscard]] std::vector<float> logits(std::span<const float> logits) const;
  [[nodiscard]] Size size() const { return original_; }

 private:
  using Taps = ops::ThreeTaps;
  void masks_on_device(ops::Context& ctx, ConstTensorView logits, std::span<const std::int64_t> wanted,
                       const Options& options, const Take& take) const;
  static std::vector<Taps> axis_taps(int low_res, int image_size, int input, int original);
  /// A range [begin, end).
  struct Range {
    int begin = 0;
    int end = 0;
    [[nodiscard]] int size() const { return end - begin; }
  };
  /// Low-resolution columns at the picture's height, both cut to a part: [columns.size()][rows.size()]. Each
  /// thread keeps the memory of its own for its next mask.
  struct Columns {
    Range columns;  ///< of the logits
    Range rows;     ///< of the picture
    std::vector<float> values;
  };
  /// The picture's columns and rows outside which nothing exceeds a threshold: an interpolated value never
  /// exceeds the largest it is made from.
  struct Part {
    Range columns;
    Range rows;
  };
  [[nodiscard]] Part part_above(std::span<const float> logits, float threshold) const;
  [[nodiscard]] const Columns& stretch_columns(std::span<const float> logits, const Part& part) const;
  void column(const Columns& columns, int x, std::span<float> out) const;
  /// Pixels of a part above each of two thresholds.
  struct Counts {
    std::int64_t inner = 0;
    std::int64_t outer = 0;
    void add(std::span<const float> values, const Options& options);
  };
  /// Some of a mask's columns: a mask is made of bands, which threads can share.
  struct Band;
  [[nodiscard]] Band band(std::span<const float> logits, const Options& options, int index, int bands) const;
  static Mask joined(std::span<const Band> bands, const Options& options);

  Size original_;
  int low_res_;
  std::vector<Taps> rows_;
  std::vector<Taps> across_;
};

}  // namespace facet::segment
