#include "io/mask_reader.h"

#include <string>

#include "facet/picture.h"
#include "io/raster_reader.h"

namespace facet::io {
namespace {

std::string text_of(Size size) {
  return std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels (width x height)";
}

Status bad_mask(const std::filesystem::path& path, const std::string& reason) {
  return {StatusCode::BadPrompt, "mask " + path.string() + ": " + reason};
}

}  // namespace

Result<Bitmap> read_mask(const std::filesystem::path& path, Size expected) {
  const Result<Raster> raster = read_raster(path, ReadOptions{});
  if (!raster.ok()) return Status(StatusCode::BadPrompt, "mask " + raster.status().message());
  const std::string& format = raster->info.format;
  if (format != "png" && format != "tiff") {
    return bad_mask(path, "expected a PNG or TIFF, found a " + format + " picture");
  }
  Bitmap mask = to_mask(*raster);
  if (mask.size != expected) {
    return bad_mask(path, "expected " + text_of(expected) + ", found " + text_of(mask.size));
  }
  return mask;
}

}  // namespace facet::io
