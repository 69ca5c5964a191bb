#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"
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
    /// Pixels above threshold + offset over pixels above threshold - offset; 1 where there are none.
    float stability_score = 0;
  };
  /// logits [low_res * low_res] -> a mask on the canvas
  [[nodiscard]] Mask mask(std::span<const float> logits, const Options& options) const;
  /// The stability score alone, without making a mask.
  [[nodiscard]] float stability_score(std::span<const float> logits, const Options& options) const;
  /// logits at the picture's size, row-major
  [[nodiscard]] std::vector<float> logits(std::span<const float> logits) const;
  [[nodiscard]] Size size() const { return original_; }

 private:
  struct Taps {
    int first = 0;
    float weights[3] = {0, 0, 0};
  };
  static std::vector<Taps> axis_taps(int low_res, int image_size, int input, int original);
  /// Every low-resolution column at the picture's height: [low_res][height], and the largest value of each.
  struct Columns {
    std::vector<float> values;
    std::vector<float> largest;
  };
  [[nodiscard]] Columns stretch_columns(std::span<const float> logits) const;
  void column(const Columns& columns, int x, std::span<float> out) const;
  [[nodiscard]] bool may_exceed(const Columns& columns, int x, float threshold) const;

  Size original_;
  int low_res_;
  std::vector<Taps> rows_;
  std::vector<Taps> across_;
};

}  // namespace facet::segment
