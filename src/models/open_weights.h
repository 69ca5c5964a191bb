#pragma once

#include <filesystem>
#include <memory>

#include "facet/status.h"
#include "io/weight_source.h"

namespace facet::models {

/// Opens what a user may give as a model: a checkpoint of any container; a folder that holds MobileSAM's
/// `encoder.onnx` and `sam.onnx`; or one of these two, the other beside it.
/// Errors  BadModel naming the file, what was expected and what was found
[[nodiscard]] Result<std::unique_ptr<io::WeightSource>> open_weights(const std::filesystem::path& path);

}  // namespace facet::models
