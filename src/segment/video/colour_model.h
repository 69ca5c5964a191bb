#pragma once

#include <array>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"

namespace facet::segment {

/// Which colours an object has: shares of 8 x 8 x 8 bins of red, green and blue.
class ColourModel {
 public:
  ColourModel() = default;
  /// Of the mask's pixels; of all pixels where the mask has none.
  /// Errors  ContractError when the sizes differ
  ColourModel(const Image& image, const Bitmap& mask);
  static ColourModel of_picture(const Image& image);

  /// Bhattacharyya distance: 0 for the same colours in the same shares, 1 for none in common.
  [[nodiscard]] double distance(const ColourModel& other) const;
  [[nodiscard]] float share(const std::uint8_t* pixel) const { return shares_[bin(pixel)]; }

 private:
  static std::size_t bin(const std::uint8_t* pixel) {
    return std::size_t(pixel[0] >> 5) * 64 + std::size_t(pixel[1] >> 5) * 8 + std::size_t(pixel[2] >> 5);
  }
  std::array<float, 512> shares_{};
};

/// Boxes of the given size where the picture has most of the object's colours and least of the others': at
/// most `count`, none of which overlaps another by more than a half, the best first.
[[nodiscard]] std::vector<Box> find_by_colour(const Image& image, const ColourModel& object, Size box_size,
                                              int count);

}  // namespace facet::segment
