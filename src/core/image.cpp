#include "facet/image.h"

#include "core/check.h"

namespace facet {

Image::Image(Size size) : size_(size) {
  FACET_CHECK(size.height >= 0 && size.width >= 0, "a picture's side is negative");
  rgb_.resize(std::size_t(size.height) * size.width * 3);
}

Image::Image(Size size, std::vector<std::uint8_t> rgb) : size_(size), rgb_(std::move(rgb)) {
  FACET_CHECK(size.height >= 0 && size.width >= 0, "a picture's side is negative");
  FACET_CHECK(rgb_.size() == std::size_t(size.height) * size.width * 3,
              "a picture of " + std::to_string(size.width) + " x " + std::to_string(size.height) +
                  " pixels needs 3 bytes each, got " + std::to_string(rgb_.size()));
}

}  // namespace facet
