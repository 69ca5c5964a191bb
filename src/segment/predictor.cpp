#include "facet/predictor.h"

#include <algorithm>

#include "core/check.h"
#include "core/tensor_range.h"
#include "ops/transfer.h"
#include "segment/guard.h"
#include "segment/logit_cleanup.h"
#include "segment/mask_upsampling.h"
#include "segment/predictor_impl.h"
#include "segment/prompt_checks.h"
#include "segment/prompt_decoder.h"
#include "segment/transforms.h"

namespace facet {
namespace {

using segment::DecodedBatch;
using segment::DecoderPrompt;
using segment::MaskUpsampler;
using segment::Placement;

std::span<const float> low_res_of(const ops::OnHost& masks, std::int64_t output) {
  const std::int64_t area = std::int64_t(Model::kLowRes) * Model::kLowRes;
  return masks.view().data<float>().subspan(output * area, area);
}

// SAM 2 takes a box as two more points, before the others.
void add_corners(const Box& box, models::EncoderPrompt& prompt) {
  prompt.points_model_px.insert(prompt.points_model_px.begin(), {{box.x0, box.y0}, {box.x1, box.y1}});
  prompt.labels.insert(prompt.labels.begin(), {models::kTopLeft, models::kBottomRight});
}

DecoderPrompt to_decoder_prompt(const Prompt& prompt, const Placement& placement, bool sam2,
                                std::size_t index) {
  DecoderPrompt out;
  for (const Point& point : prompt.points) out.sparse.points_model_px.push_back(placement.to_model(point));
  out.sparse.labels = prompt.labels;
  if (prompt.box && sam2) add_corners(placement.to_model(*prompt.box), out.sparse);
  if (prompt.box && !sam2) out.sparse.box_model_px = placement.to_model(*prompt.box);
  out.mask_logits = prompt.mask_logits;
  out.index = index;
  return out;
}

MaskUpsampler::Options upsampling(const MaskUpsampler& upsampler, const PredictOptions& options) {
  return {.threshold = options.mask_threshold, .stability_offset = 0, .canvas = upsampler.size()};
}

void fill(MaskPrediction& out, MaskUpsampler::Mask mask) {
  out.area = mask.area;
  out.bbox = mask.box;
  out.rle = std::move(mask.rle);
}

// Where the logits are changed, or asked for at the picture's size, masks are made on the host.
bool needs_logits(const PredictOptions& options) {
  return options.max_hole_area > 0 || options.max_sprinkle_area > 0 || options.keep_full_logits;
}

void make_on_host(const MaskUpsampler& upsampler, std::span<const float> decoded,
                  const PredictOptions& options, MaskPrediction& out) {
  std::vector<float> cleaned;
  std::span<const float> logits = decoded;
  if (options.max_hole_area > 0 || options.max_sprinkle_area > 0) {
    cleaned.assign(decoded.begin(), decoded.end());
    segment::clean_up_logits(cleaned, {Model::kLowRes, Model::kLowRes},
                             {.max_hole_area = options.max_hole_area,
                              .max_sprinkle_area = options.max_sprinkle_area,
                              .threshold = options.mask_threshold});
    logits = cleaned;
  }
  fill(out, upsampler.mask(logits, upsampling(upsampler, options)));
  if (options.keep_full_logits) {
    out.logits = Tensor::from(upsampler.logits(logits), {upsampler.size().height, upsampler.size().width});
  }
}

// The outputs of one prompt that pass the score filter; the best one when none does.
std::vector<std::int64_t> passing(std::span<const float> scores, float min_score, bool* none_passed) {
  std::vector<std::int64_t> kept;
  for (std::size_t m = 0; m < scores.size(); ++m) {
    if (scores[m] >= min_score) kept.push_back(std::int64_t(m));
  }
  *none_passed = kept.empty();
  if (kept.empty()) kept.push_back(std::max_element(scores.begin(), scores.end()) - scores.begin());
  return kept;
}

// Masks to make of a decoded batch: which, and where they go.
struct MaskTasks {
  std::vector<std::int64_t> outputs;
  std::vector<MaskPrediction*> predictions;
};

void make_masks(ops::Context& ctx, const MaskUpsampler& upsampler, const DecodedBatch& decoded,
                const MaskTasks& tasks, const PredictOptions& options) {
  const bool on_host = needs_logits(options);
  const ops::OnHost low_res(
      ctx, on_host || options.keep_low_res_logits ? decoded.masks.view() : ConstTensorView());
  const auto finish = [&](std::size_t i, MaskPrediction& out) {
    out.score = decoded.scores.data<float>()[tasks.outputs[i]];
    if (!options.keep_low_res_logits) return;
    out.low_res_logits =
        Tensor::from(low_res_of(low_res, tasks.outputs[i]), {Model::kLowRes, Model::kLowRes});
  };
  if (!on_host) {
    upsampler.masks(ctx, decoded.masks, tasks.outputs, upsampling(upsampler, options),
                    [&](std::size_t i, MaskUpsampler::Mask mask) {
                      fill(*tasks.predictions[i], std::move(mask));
                      finish(i, *tasks.predictions[i]);
                    });
    return;
  }
  ctx.team().parallel_for(std::int64_t(tasks.outputs.size()), [&](std::int64_t i, int) {
    make_on_host(upsampler, low_res_of(low_res, tasks.outputs[i]), options, *tasks.predictions[i]);
    finish(i, *tasks.predictions[i]);
  });
}

// [B, 1024, 1024, 3], as the operations read it
Tensor stacked_inputs(ops::Context& ctx, std::span<const Image* const> images,
                      std::span<const Placement> placements) {
  if (images.size() == 1) {
    return segment::to_input(ctx, *images[0], placements[0], Model::kImageSize);
  }
  Tensor stacked = ctx.make({std::int64_t(images.size()), Model::kImageSize, Model::kImageSize, 3});
  for (std::size_t i = 0; i < images.size(); ++i) {
    segment::write_input(ctx, *images[i], placements[i], range_of(stacked.view(), std::int64_t(i), 1));
    ctx.between_blocks();
  }
  return stacked;
}

// The part of one picture of a batch, in the host's memory and its own; null for an empty tensor.
std::shared_ptr<const Tensor> slice_of(ops::Context& ctx, const Tensor& batch, std::int64_t index) {
  if (batch.empty()) return nullptr;
  return std::make_shared<const Tensor>(ops::downloaded(ctx, range_of(batch.view(), index, 1)));
}

}  // namespace

bool Predictor::Impl::encode(std::span<const Image* const> images,
                             std::span<const segment::Placement> placements,
                             std::vector<Embedding>& embeddings) {
  const auto run = [&] { return model->encode_picture(ctx, stacked_inputs(ctx, images, placements)); };
  const std::optional<models::ImageFeatures> features =
      images.size() == 1 ? run() : segment::if_it_fits(ctx, run);
  if (!features) {
    ++reduced_batches;
    return false;
  }
  for (std::int64_t i = 0; i < std::int64_t(images.size()); ++i) {
    embeddings.push_back({slice_of(ctx, features->image, i), slice_of(ctx, features->high_res0, i),
                          slice_of(ctx, features->high_res1, i), placements[i].original, placements[i].input,
                          model->info.fingerprint});
    decoder.keep_placed(embeddings.back(), *features, i);
  }
  return true;
}

Predictor::Predictor(ModelPtr model, PredictorOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

const ModelInfo& Predictor::model() const { return impl_->model->info; }

int Predictor::reduced_batches() const { return impl_->reduced_batches + impl_->decoder.reduced_batches(); }

std::size_t Predictor::peak_working_bytes() const { return impl_->ctx.arena().peak_bytes(); }

Result<Tensor> Predictor::preprocess(const Image& image) {
  return segment::guarded([&]() -> Result<Tensor> {
    FACET_ASSIGN_OR_RETURN(const Placement placement, segment::place(image.size(), model()));
    const Tensor input = segment::to_input(impl_->ctx, image, placement, Model::kImageSize);
    return segment::channels_first(ops::OnHost(impl_->ctx, input).view());
  });
}

Result<Embedding> Predictor::set_image(const Image& image, const EncodeOptions& options) {
  const Image* const images[] = {&image};
  FACET_ASSIGN_OR_RETURN(std::vector<Embedding> embeddings, set_images(images, options));
  return std::move(embeddings.front());
}

Result<std::vector<Embedding>> Predictor::set_images(std::span<const Image* const> images,
                                                     const EncodeOptions& options) {
  if (images.empty()) return std::vector<Embedding>();
  return segment::guarded([&]() -> Result<std::vector<Embedding>> {
    const RunScope scope(impl_->ctx, options.between_blocks, options.stop);
    std::vector<Placement> placements;
    for (const Image* image : images) {
      FACET_ASSIGN_OR_RETURN(const Placement placement, segment::place(image->size(), model()));
      placements.push_back(placement);
    }
    std::vector<Embedding> embeddings;
    std::size_t most = images.size();
    while (embeddings.size() < images.size()) {
      const std::size_t begin = embeddings.size();
      const std::size_t count = std::min(most, images.size() - begin);
      if (!impl_->encode(images.subspan(begin, count), std::span(placements).subspan(begin, count),
                         embeddings)) {
        most = count / 2;
      }
    }
    return embeddings;
  });
}

Result<std::vector<ObjectPrediction>> Predictor::predict(const Embedding& embedding,
                                                         std::span<const Prompt> prompts,
                                                         const PredictOptions& options) {
  FACET_RETURN_IF_ERROR(segment::check_embedding(embedding, impl_->model->info));
  FACET_RETURN_IF_ERROR(segment::check_prompts(prompts, embedding.original_size));
  return segment::guarded([&]() -> Result<std::vector<ObjectPrediction>> {
    const Placement placement{embedding.original_size, embedding.input_size, !model().keeps_aspect};
    const MaskUpsampler upsampler(placement, Model::kLowRes, Model::kImageSize);
    std::vector<DecoderPrompt> decoder_prompts;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      decoder_prompts.push_back(to_decoder_prompt(prompts[i], placement, impl_->model->memory != nullptr, i));
    }
    std::vector<ObjectPrediction> objects(prompts.size());
    int done = 0;
    const auto consume = [&](std::span<const DecoderPrompt> batch, const DecodedBatch& decoded) {
      MaskTasks tasks;
      const std::int64_t masks = decoded.scores.shape()[1];
      for (std::size_t p = 0; p < batch.size(); ++p) {
        ObjectPrediction& object = objects[batch[p].index];
        const auto scores = decoded.scores.data<float>().subspan(p * masks, masks);
        const auto kept = passing(scores, options.min_score, &object.below_min_score);
        object.masks.resize(kept.size());
        for (std::size_t i = 0; i < kept.size(); ++i) {
          tasks.outputs.push_back(std::int64_t(p) * masks + kept[i]);
          tasks.predictions.push_back(&object.masks[i]);
        }
      }
      make_masks(impl_->ctx, upsampler, decoded, tasks, options);
      done += int(batch.size());
      if (options.progress) options.progress(done, int(prompts.size()));
    };
    const RunScope scope(impl_->ctx, {}, options.stop);
    impl_->decoder.decode(embedding, std::move(decoder_prompts), options.multimask,
                          std::max(1, options.prompts_per_batch), consume);
    return objects;
  });
}

Result<bool> Predictor::prepare_ahead(std::function<void()> between_blocks) {
  return segment::guarded([&]() -> Result<bool> {
    if (!impl_->ahead) impl_->ahead.emplace(impl_->model->kernels, impl_->ctx.team());
    const RunScope scope(*impl_->ahead, std::move(between_blocks), {});
    return impl_->decoder.prepare_ahead(*impl_->ahead);
  });
}

}  // namespace facet
