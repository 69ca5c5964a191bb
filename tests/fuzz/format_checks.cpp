#include "fuzz/format_checks.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "facet/masks.h"
#include "facet/picture.h"
#include "io/exif.h"

namespace facet::fuzz {
namespace {

constexpr std::int64_t kFewPixels = 64;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_mask(const Rle& rle) {
  const Bitmap mask = rle_decode(rle);
  const Rle canonical = rle_encode(mask);
  require(rle_decode(canonical).bits == mask.bits);
  const Result<Rle> again = rle_from_string(rle_to_string(rle), rle.size);
  require(again.ok() && rle_decode(*again).bits == mask.bits);
  require(rle_area(rle) == std::count(mask.bits.begin(), mask.bits.end(), 1));
  require(rle_intersection(rle, canonical) == rle_area(rle));
  const BoxXywh box = rle_bbox(rle);
  require(box == rle_bbox(canonical));
  const Bitmap inside = rle_crop(rle, box);
  require(std::count(inside.bits.begin(), inside.bits.end(), 1) == rle_area(rle));
}

void check_run_lengths(const Result<Rle>& rle) {
  if (rle.ok()) return check_mask(*rle);
  require(rle.status().code() == StatusCode::BadPrompt && !rle.status().message().empty());
}

}  // namespace

void check_rle(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const Size size = {static_cast<std::uint8_t>(bytes[0]), static_cast<std::uint8_t>(bytes[1])};
  bytes.remove_prefix(2);
  check_run_lengths(rle_from_string(std::string(bytes), size));
  std::vector<std::uint32_t> counts;
  for (; bytes.size() >= sizeof(std::uint32_t); bytes.remove_prefix(sizeof(std::uint32_t))) {
    counts.emplace_back();
    std::memcpy(&counts.back(), bytes.data(), sizeof(std::uint32_t));
  }
  check_run_lengths(rle_from_counts(std::move(counts), size));
}

void check_picture_header(std::string_view bytes) {
  const std::span view(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  const Result<Picture> picture =
      decode_picture(view, {.max_pixels = kFewPixels, .max_bytes = std::int64_t{1} << 20});
  if (picture.ok()) {
    const std::int64_t pixels = std::int64_t{picture->image.height()} * picture->image.width();
    require(pixels > 0 && pixels <= kFewPixels);
  } else {
    require(picture.status().code() == StatusCode::BadPicture && !picture.status().message().empty());
  }
  const int orientation = io::exif_orientation(view);
  require(orientation >= 1 && orientation <= 8);
}

}  // namespace facet::fuzz
