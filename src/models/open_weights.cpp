#include "models/open_weights.h"

#include "io/checkpoint.h"
#include "models/mobile_sam_onnx.h"

namespace facet::models {
namespace {

using SourcePtr = std::unique_ptr<io::WeightSource>;

constexpr const char* kEncoderFile = "encoder.onnx";
constexpr const char* kDecoderFile = "sam.onnx";

Result<SourcePtr> open_pair(const std::filesystem::path& folder) {
  for (const char* file : {kEncoderFile, kDecoderFile}) {
    std::error_code error;
    if (std::filesystem::exists(folder / file, error)) continue;
    return Status(StatusCode::BadModel, folder.string() + ": a folder with MobileSAM holds " + kEncoderFile +
                                            " and " + kDecoderFile + ", found no " + file);
  }
  FACET_ASSIGN_OR_RETURN(auto source, MobileSamOnnx::open(folder / kEncoderFile, folder / kDecoderFile));
  return SourcePtr(std::move(source));
}

}  // namespace

Result<SourcePtr> open_weights(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return open_pair(path);
  if (path.filename() == kEncoderFile || path.filename() == kDecoderFile)
    return open_pair(path.parent_path());
  FACET_ASSIGN_OR_RETURN(io::Checkpoint checkpoint, io::Checkpoint::open(path));
  return SourcePtr(std::make_unique<io::Checkpoint>(std::move(checkpoint)));
}

}  // namespace facet::models
