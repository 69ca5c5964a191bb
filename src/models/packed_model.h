#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "facet/model.h"
#include "facet/precision.h"
#include "io/checkpoint.h"

namespace facet::models {

/// A packed model is a safetensors file whose tensors are bytes: weights in the kernels' own layout, which
/// are used where they lie in the mapped file, and what else the layers keep. Its metadata say for what it
/// was made; it serves there alone, and is made again from its checkpoint elsewhere.
///
/// The number changes with whatever a layer packs, derives or names.
inline constexpr int kPackedFormat = 2;
inline constexpr const char* kPackedKey = "facet.packed";              ///< the format's number
inline constexpr const char* kPackedDirectoryKey = "facet.directory";  ///< shapes and layouts, JSON

[[nodiscard]] bool is_packed(const io::WeightSource& source);
/// The library and the instructions that layouts depend on, in words.
[[nodiscard]] std::string packing_machine();

/// Builds the model of a checkpoint and writes its packed form to `output`, whole or not at all. Of an int8
/// model the layers of `kept` stay in bf16: those that the checkpoint names (kept_layers), or that
/// calibration found. Errors  those of build_model; OutputFailed; Usage where these kernels' weights cannot
/// be kept
struct PackResult {
  ModelPtr model;
  Status written;  ///< OutputFailed, Usage: the model is good all the same
};
[[nodiscard]] Result<PackResult> pack_model(const io::WeightSource& source, Precision precision,
                                            std::set<std::string> kept, const std::filesystem::path& output);

/// `precision` is what the file must have been packed in; nothing and Auto take any. `origin` is what
/// ModelInfo::path shall say; empty = the file itself.
/// Errors  BadModel: another format, machine or precision, which the message names beside what is here; a
///         damaged or hostile file
[[nodiscard]] Result<ModelPtr> open_packed_model(const std::shared_ptr<const io::Checkpoint>& file,
                                                 std::optional<Precision> precision,
                                                 const std::filesystem::path& origin = {});
/// Which model a packed file holds, wherever it was made.   Errors  BadModel
[[nodiscard]] Result<std::string> packed_architecture(const io::WeightSource& file);

}  // namespace facet::models
