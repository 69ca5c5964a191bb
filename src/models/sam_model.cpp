#include "models/sam_model.h"

#include "core/thread_team.h"
#include "models/kept_layers.h"
#include "models/open_weights.h"
#include "models/packed_cache.h"
#include "ops/named_device.h"
#include "ops/recorded_runs.h"

namespace facet {
namespace {

// Published files carry these, and segmentation does not use them: TinyViT's classifier, counters of
// training, a position that SAM 2's configurations switch off.
constexpr std::string_view kIgnorable[] = {"image_encoder.norm_head.",
                                           "image_encoder.head.",
                                           ".num_batches_tracked",
                                           ".attention_bias_idxs",
                                           "pixel_mean",
                                           "pixel_std",
                                           "no_mem_pos_enc"};

bool is_sam2(const models::Architecture& architecture) {
  return std::holds_alternative<models::HieraConfig>(architecture.encoder);
}

// Prompts and masks are decoded in float32, but for pictures in layers (Kernels::for_pictures): that is
// little work, and errors of its weights would be seen at once.
nn::WeightScope decoder_scope(const nn::WeightScope& root, const models::Architecture& architecture) {
  return root.in_full_precision() / (is_sam2(architecture) ? "sam_mask_decoder" : "mask_decoder");
}

nn::WeightScope prompt_scope(const nn::WeightScope& root, const models::Architecture& architecture) {
  return root.in_full_precision() / (is_sam2(architecture) ? "sam_prompt_encoder" : "prompt_encoder");
}

std::unique_ptr<const models::ImageEncoder> build_encoder(const nn::WeightScope& root,
                                                          const models::Architecture& architecture) {
  const nn::WeightScope weights = root / "image_encoder";
  if (const auto* hiera = std::get_if<models::HieraConfig>(&architecture.encoder)) {
    return std::make_unique<models::HieraEncoder>(weights, decoder_scope(root, architecture), *hiera);
  }
  if (const auto* vit = std::get_if<models::VitConfig>(&architecture.encoder)) {
    return std::make_unique<models::VitEncoder>(weights, *vit);
  }
  return std::make_unique<models::TinyVitEncoder>(
      weights, std::get<models::TinyVitConfig>(architecture.encoder), ModelInfo().image_size);
}

ModelInfo info_of(const models::Architecture& architecture, Precision precision) {
  ModelInfo info{.architecture = architecture.name,
                 .precision = std::string(precision_name(precision)),
                 .keeps_aspect = !is_sam2(architecture)};
  if (const auto* hiera = std::get_if<models::HieraConfig>(&architecture.encoder)) {
    info.image_size = hiera->image_size;
  }
  return info;
}

}  // namespace

Model::Model(nn::WeightReader& weights, const models::Architecture& architecture)
    : info(info_of(architecture, weights.kernels().precision())),
      image_encoder(build_encoder(nn::WeightScope(weights), architecture)),
      prompt_encoder(prompt_scope(nn::WeightScope(weights), architecture), image_size(), grid()),
      mask_decoder(decoder_scope(nn::WeightScope(weights), architecture), prompt_encoder.position_grid()) {
  if (is_sam2(architecture)) memory = std::make_unique<models::VideoMemory>(nn::WeightScope(weights), grid());
}

models::ImageFeatures Model::encode(ops::Context& ctx, ConstTensorView images) const {
  const auto run = [&](const ops::RecordedRuns::Inputs& inputs) {
    models::ImageFeatures features = image_encoder->forward(ctx, inputs[0]);
    std::vector<Tensor> all;
    all.push_back(std::move(features.image));
    all.push_back(std::move(features.high_res0));
    all.push_back(std::move(features.high_res1));
    return all;
  };
  std::vector<Tensor> all =
      ctx.recorded_runs().call(ctx, {.owner = image_encoder.get(), .run = run}, {images});
  return {std::move(all[0]), std::move(all[1]), std::move(all[2])};
}

models::ImageFeatures Model::encode_picture(ops::Context& ctx, const Tensor& image) const {
  models::ImageFeatures features = encode(ctx, image);
  if (memory) features.image = memory->without_memory(ctx, features.image);
  return features;
}

namespace models {
namespace {

Status resize(Architecture& architecture, int image_size) {
  constexpr int kCoarsest = 32;  // pixels to a token of Hiera's last stage
  auto* hiera = std::get_if<HieraConfig>(&architecture.encoder);
  if (hiera == nullptr || image_size < kCoarsest || image_size % kCoarsest != 0) {
    return {StatusCode::Usage, "an image size of " + std::to_string(image_size) + " for " +
                                   architecture.name + ": expected a multiple of 32, and a SAM 2 model"};
  }
  hiera->image_size = image_size;
  return {};
}

}  // namespace

Result<ModelPtr> build_model(const io::WeightSource& source, ops::KernelsPtr kernels,
                             const BuildOptions& options) {
  FACET_ASSIGN_OR_RETURN(Architecture architecture, recognise(source));
  if (options.image_size != 0) FACET_RETURN_IF_ERROR(resize(architecture, options.image_size));
  WeightStore weights(source, kernels, kept_layers(source));
  return build_model(weights, architecture, source, std::move(kernels));
}

Result<ModelPtr> build_model(WeightStore& weights, const Architecture& architecture,
                             const io::WeightSource& source, ops::KernelsPtr kernels) {
  const auto model = std::make_shared<Model>(weights, architecture);
  FACET_RETURN_IF_ERROR(weights.finish(kIgnorable));
  model->info.device = kernels->device_name();
  model->kernels = std::move(kernels);
  model->info.path = source.describe();
  model->info.parameters = weights.parameters();
  model->info.fingerprint = weights.fingerprint();
  note_layers(*model, weights.packed_layers());
  return ModelPtr(model);
}

void note_layers(Model& model, std::vector<WeightStore::PackedLayer> layers) {
  model.packed_layers = std::move(layers);
  for (const WeightStore::PackedLayer& layer : model.packed_layers) {
    const bool kept =
        model.kernels->precision() == Precision::Int8 && layer.weights->precision() != Precision::Int8;
    if (kept) model.info.kept_layers.push_back(layer.name);
  }
}

}  // namespace models

Result<ModelPtr> load_model(const std::filesystem::path& path, const LoadOptions& options) {
  ThreadTeam(options.threads).bind_caller();
  FACET_ASSIGN_OR_RETURN(const std::optional<int> cuda_device, ops::cuda_device_of(options.device));
  if (!options.reference_kernels && !cuda_device) {
    return models::PackedCache(options.packed_folder).load(path, options);
  }
  ops::KernelsPtr kernels = ops::reference_kernels();
  if (!options.reference_kernels) {
    const Precision precision = options.precision.value_or(ops::usual_precision(options.device));
    FACET_ASSIGN_OR_RETURN(kernels, ops::kernels_on(options.device, precision));
  }
  FACET_ASSIGN_OR_RETURN(const auto weights, models::open_weights(path));
  return models::build_model(*weights, std::move(kernels));
}

const ModelInfo& model_info(const Model& model) { return model.info; }

}  // namespace facet
