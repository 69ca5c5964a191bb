#include "facet/picture.h"

#include <utility>

#include "io/raster.h"
#include "io/raster_reader.h"

namespace facet {

const char* sample_kind_name(SampleKind kind) {
  if (kind == SampleKind::Float) return "float";
  return kind == SampleKind::Int ? "int" : "uint";
}

Result<Picture> read_picture(const std::filesystem::path& path, const ReadOptions& options) {
  FACET_ASSIGN_OR_RETURN(io::Raster raster, io::read_raster(path, options));
  return io::to_picture(std::move(raster), options);
}

Result<Picture> decode_picture(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  FACET_ASSIGN_OR_RETURN(io::Raster raster, io::decode_raster(bytes, options));
  return io::to_picture(std::move(raster), options);
}

}  // namespace facet
