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
  static constexpr int kImageSize = 1024;
  static constexpr int kGrid = 64;
  static constexpr std::int64_t kChannels = 256;

  Model(models::WeightStore& weights, const models::Architecture& architecture);

  ModelInfo info;
  ops::KernelsPtr kernels;
  std::unique_ptr<const models::ImageEncoder> image_encoder;
  models::PromptEncoder prompt_encoder;
  models::MaskDecoder mask_decoder;
  std::unique_ptr<const models::VideoMemory> memory;  ///< SAM 2 only

  /// The products that the model's precision rules: all but those of prompts and masks.
  std::vector<models::WeightStore::PackedLayer> packed_layers;

  /// What decoding a picture takes: as the encoder gives it, in SAM 2 with its "no memory" added.
  [[nodiscard]] models::ImageFeatures encode_picture(ops::Context& ctx, const Tensor& image) const;
};

namespace models {

/// Builds a model from weights that are already open.   Errors  as load_model
[[nodiscard]] Result<ModelPtr> build_model(const io::WeightSource& source, ops::KernelsPtr kernels);

}  // namespace models
}  // namespace facet
