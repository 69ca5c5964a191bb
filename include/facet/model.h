#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "facet/precision.h"
#include "facet/status.h"

namespace facet {

/// A loaded network: weights packed for the device, nothing that changes. Shared by all threads.
class Model;
using ModelPtr = std::shared_ptr<const Model>;

/// What a model is, for people and for caches.
struct ModelInfo {
  std::string architecture;    ///< "sam_vit_b", "sam_vit_l", "sam_vit_h", "mobile_sam", "sam2_hiera_tiny",
                               ///< "sam2.1_hiera_tiny", the same with small, base_plus, large
  std::string precision;       ///< what runs: "fp32", "bf16", "int8"
  std::string device = "cpu";  ///< "cpu", "cuda:0"
  std::filesystem::path path;  ///< where the weights came from
  /// Of an int8 model: the products that lost too much and run in bf16, by the names of their weights.
  std::vector<std::string> kept_layers;
  std::int64_t parameters = 0;    ///< numbers in the weights
  std::uint64_t fingerprint = 0;  ///< hash of the architecture and the weights: equal for equal models
  int image_size = 1024;          ///< side of the square that pictures are fitted into, in pixels
  bool keeps_aspect = true;       ///< false: pictures are stretched to fill the square (SAM 2)
};

struct LoadOptions {
  /// Threads used for packing; 0 takes the processors this process may run on.
  int threads = 0;
  /// Auto takes the fastest of this processor. Nothing, or Auto, of a packed model: what it was packed in.
  /// Nothing of others: Fp32 on the CPU, Bf16 elsewhere.
  std::optional<Precision> precision;
  /// What runs the model: "cpu", or "cuda", "cuda:1": an NVIDIA GPU by its number, the first where none is
  /// given. There Auto is Bf16, and Int8 is refused.
  std::string device = "cpu";
  /// Run on the plain reference kernels: slow, for comparison; always in float32.
  bool reference_kernels = false;
  /// Where a packed form of the file is kept, so that its next load takes a fraction of the time; empty =
  /// nowhere. Made where it is not; what cannot be read is made anew, what cannot be written is left.
  std::filesystem::path packed_folder;
  /// The file of a packed model may be written into while the model lives: it is read instead of mapped, so
  /// that its memory is the process's own.
  bool file_may_change = false;
};

/// Opens a checkpoint of the Segment Anything family and packs it for this machine, or opens a packed model
/// (facet convert). The architecture is recognised from the names and shapes of its tensors.
/// Errors  BadModel: missing, damaged or hostile file; packed for another machine, precision or version; not
///         a known model; DeviceFailed: no such device; Usage: a device's name or precision that is none.
///         Every tensor that is missing, unknown or misshapen is named in one message
[[nodiscard]] Result<ModelPtr> load_model(const std::filesystem::path& path, const LoadOptions& options = {});
/// Lifetime  the reference is valid while the model lives
[[nodiscard]] const ModelInfo& model_info(const Model& model);

}  // namespace facet
