#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/io.h"
#include "facet/status.h"
#include "io/weight_source.h"

namespace facet::cli {

/// Runs the pictures of a folder through the model and finds the layers that int8 would spoil; tells which,
/// and by how much, on standard error. Errors  BadPicture when the folder holds no picture that can be read;
/// Cancelled; as load_model
Result<std::vector<std::string>> find_layers_to_keep(const io::WeightSource& source,
                                                     const std::filesystem::path& folder, Io& io);

}  // namespace facet::cli
