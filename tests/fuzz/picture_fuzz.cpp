#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "facet/picture.h"
#include "io/raster_reader.h"

/// Any bytes are a picture, or are refused with a reason; the last byte chooses the page.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes(data, size - 1);
  const facet::ReadOptions options{
      .page = data[size - 1] % 4, .max_pixels = 1 << 18, .max_bytes = std::int64_t{1} << 24};
  const facet::Result<facet::Picture> picture = facet::decode_picture(bytes, options);
  if (!picture.ok()) {
    if (picture.status().message().empty()) std::abort();
    return 0;
  }
  if (picture->image.empty()) std::abort();
  const facet::Result<facet::io::Raster> raster = facet::io::decode_raster(bytes, options);
  if (!raster.ok()) std::abort();  // the same bytes decoded a moment ago
  if (facet::io::to_mask(*raster).size != picture->image.size()) std::abort();
  return 0;
}
