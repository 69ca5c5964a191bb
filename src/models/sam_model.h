#pragma once

#include <memory>

#include "facet/model.h"
#include "models/architecture.h"
#include "models/image_encoder.h"
#include "models/mask_decoder.h"
#include "models/memory/video_memory.h"
#include "models/prompt_encoder.h"
#include "models/weight_store.h"

namespace facet {

/// SAM, MobileSAM and SAM 2: an image encoder, a prompt encoder and a mask decoder; SAM 2 also a memory.
class Model {
 public:
  static constexpr int kPatch = 16;
  static constexpr int kImageSize = 1024;  ///< as published; pictures know no other
  static constexpr int kGrid = kImageSize / kPatch;
  static constexpr int kLowRes = 4 * kGrid;  ///< side of the masks that a decoder gives
  static constexpr std::int64_t kChannels = 256;

  Model(nn::WeightReader& weights, const models::Architecture& architecture);

  ModelInfo info;
  ops::KernelsPtr kernels;
  std::unique_ptr<const models::ImageEncoder> image_encoder;
  models::PromptEncoder prompt_encoder;
  models::MaskDecoder mask_decoder;
  std::unique_ptr<const models::VideoMemory> memory;  ///< SAM 2 only

  /// The products whose weights the model's precision rules: all but those of prompts and masks.
  std::vector<models::WeightStore::PackedLayer> packed_layers;

  /// Side of the square that pictures are fitted into, in pixels; of the features' grid; of the decoder's
  /// masks.
  [[nodiscard]] int image_size() const { return info.image_size; }
  [[nodiscard]] int grid() const { return info.image_size / kPatch; }
  [[nodiscard]] int mask_side() const { return 4 * grid(); }
  /// The encoder's features of pictures [B, image_size, image_size, 3], which lie where the operations read
  /// them.
  [[nodiscard]] models::ImageFeatures encode(ops::Context& ctx, ConstTensorView images) const;
  /// What decoding a picture takes: as the encoder gives it, in SAM 2 with its "no memory" added.
  /// image [B, image_size, image_size, 3], as the operations read it
  [[nodiscard]] models::ImageFeatures encode_picture(ops::Context& ctx, const Tensor& image) const;
};

namespace models {

struct BuildOptions {
  /// SAM 2 only, a multiple of 32: a square of another side, to follow objects on; 0 = 1024, as published.
  int image_size = 0;
};

/// Builds a model from weights that are already open.   Errors  as load_model; Usage for a bad image_size
[[nodiscard]] Result<ModelPtr> build_model(const io::WeightSource& source, ops::KernelsPtr kernels,
                                           const BuildOptions& options = {});

/// The same with a store of the caller's own over `source`, which may look at what is taken and packed.
[[nodiscard]] Result<ModelPtr> build_model(WeightStore& store, const Architecture& architecture,
                                           const io::WeightSource& source, ops::KernelsPtr kernels);
/// Notes what a model was made of, and which layers of an int8 model are kept in bf16.
void note_layers(Model& model, std::vector<WeightStore::PackedLayer> layers);

}  // namespace models
}  // namespace facet
