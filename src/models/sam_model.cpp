#include "models/sam_model.h"

#include "core/thread_team.h"
#include "models/open_weights.h"

namespace facet {
namespace {

// Published files carry these, and segmentation does not use them: TinyViT's classifier, counters of
// training.
constexpr std::string_view kIgnorable[] = {
    "image_encoder.norm_head.", "image_encoder.head.", ".num_batches_tracked",
    ".attention_bias_idxs",     "pixel_mean",          "pixel_std"};

std::unique_ptr<const models::ImageEncoder> build_encoder(const nn::WeightScope& weights,
                                                          const models::Architecture& architecture) {
  if (const auto* vit = std::get_if<models::VitConfig>(&architecture.encoder)) {
    return std::make_unique<models::VitEncoder>(weights, *vit);
  }
  return std::make_unique<models::TinyVitEncoder>(
      weights, std::get<models::TinyVitConfig>(architecture.encoder), Model::kImageSize);
}

}  // namespace

Model::Model(models::WeightStore& weights, const models::Architecture& architecture)
    : image_encoder(build_encoder(weights.root() / "image_encoder", architecture)),
      prompt_encoder(weights.root() / "prompt_encoder", kImageSize, kGrid),
      mask_decoder(weights.root() / "mask_decoder") {
  info.architecture = architecture.name;
  info.precision = "fp32";
}

namespace models {

Result<ModelPtr> build_model(const io::WeightSource& source, ops::KernelsPtr kernels) {
  FACET_ASSIGN_OR_RETURN(const Architecture architecture, recognise(source));
  WeightStore weights(source, kernels);
  const auto model = std::make_shared<Model>(weights, architecture);
  FACET_RETURN_IF_ERROR(weights.finish(kIgnorable));
  model->kernels = std::move(kernels);
  model->info.path = source.describe();
  model->info.parameters = weights.parameters();
  model->info.fingerprint = weights.fingerprint();
  return ModelPtr(model);
}

}  // namespace models

Result<ModelPtr> load_model(const std::filesystem::path& path, const LoadOptions& options) {
  ThreadTeam(options.threads).bind_caller();
  FACET_ASSIGN_OR_RETURN(const auto weights, models::open_weights(path));
  return models::build_model(*weights,
                             options.reference_kernels ? ops::reference_kernels() : ops::cpu_kernels());
}

const ModelInfo& model_info(const Model& model) { return model.info; }

}  // namespace facet
