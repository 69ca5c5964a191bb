#include "facet/predictor.h"

#include <algorithm>

#include "core/check.h"
#include "core/tensor_range.h"
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

std::span<const float> low_res_of(const DecodedBatch& batch, std::int64_t prompt, std::int64_t mask) {
  const std::int64_t area = std::int64_t(Model::kLowRes) * Model::kLowRes;
  return batch.masks.data<float>().subspan((prompt * batch.masks.shape()[1] + mask) * area, area);
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

MaskPrediction make_mask(const MaskUpsampler& upsampler, std::span<const float> decoded, float score,
                         const PredictOptions& options) {
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
  MaskUpsampler::Mask mask = upsampler.mask(
      logits, {.threshold = options.mask_threshold, .stability_offset = 0, .canvas = upsampler.size()});
  MaskPrediction out;
  out.score = score;
  out.area = mask.area;
  out.bbox = rle_bbox(mask.rle);
  out.rle = std::move(mask.rle);
  if (options.keep_low_res_logits)
    out.low_res_logits = Tensor::from(decoded, {Model::kLowRes, Model::kLowRes});
  if (options.keep_full_logits) {
    out.logits = Tensor::from(upsampler.logits(logits), {upsampler.size().height, upsampler.size().width});
  }
  return out;
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

struct MaskTask {
  std::int64_t prompt;
  std::int64_t mask;
  MaskPrediction* out;
};

std::string features_text(const Embedding& embedding) {
  return embedding.features == nullptr ? "nothing" : embedding.features->shape().to_string();
}

Status check_embedding(const Embedding& embedding, const ModelInfo& model) {
  if (embedding.features == nullptr ||
      !(embedding.features->shape() == Shape({1, Model::kGrid, Model::kGrid, Model::kChannels}))) {
    return {StatusCode::BadModel,
            "the embedding holds " + features_text(embedding) + "; expected [1, 64, 64, 256]"};
  }
  if (embedding.model_fingerprint != model.fingerprint) {
    return {StatusCode::BadModel, "the embedding was made by another model than " + model.path.string()};
  }
  if (!model.keeps_aspect && (embedding.high_res0 == nullptr || embedding.high_res1 == nullptr)) {
    return {StatusCode::BadModel, "the embedding has no high-resolution features, which SAM 2 needs"};
  }
  return {};
}

// [B, 1024, 1024, 3]
Tensor stacked_inputs(ops::Context& ctx, std::span<const Image* const> images,
                      std::span<const Placement> placements) {
  if (images.size() == 1) {
    return segment::to_input(ctx, *images[0], placements[0], Model::kImageSize);
  }
  Tensor stacked = ctx.make({std::int64_t(images.size()), Model::kImageSize, Model::kImageSize, 3});
  auto out = stacked.data<float>().begin();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Tensor input = segment::to_input(ctx, *images[i], placements[i], Model::kImageSize);
    out = std::copy(input.data<float>().begin(), input.data<float>().end(), out);
    ctx.between_blocks();
  }
  return stacked;
}

// The part of one picture of a batch, in memory of its own; null for an empty tensor.
std::shared_ptr<const Tensor> slice_of(const Tensor& batch, std::int64_t index) {
  if (batch.empty()) return nullptr;
  const ConstTensorView one = range_of(batch.view(), index, 1);
  return std::make_shared<const Tensor>(Tensor::from(one.data<float>(), one.shape()));
}

}  // namespace

Predictor::Predictor(ModelPtr model, PredictorOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

const ModelInfo& Predictor::model() const { return impl_->model->info; }

std::size_t Predictor::peak_working_bytes() const { return impl_->ctx.arena().peak_bytes(); }

Result<Tensor> Predictor::preprocess(const Image& image) {
  return segment::guarded([&]() -> Result<Tensor> {
    FACET_ASSIGN_OR_RETURN(const Placement placement, segment::place(image.size(), model()));
    return segment::channels_first(segment::to_input(impl_->ctx, image, placement, Model::kImageSize));
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
    const models::ImageFeatures features =
        impl_->model->encode_picture(impl_->ctx, stacked_inputs(impl_->ctx, images, placements));
    std::vector<Embedding> embeddings;
    for (std::int64_t i = 0; i < std::int64_t(images.size()); ++i) {
      embeddings.push_back({slice_of(features.image, i), slice_of(features.high_res0, i),
                            slice_of(features.high_res1, i), placements[i].original, placements[i].input,
                            impl_->model->info.fingerprint});
    }
    return embeddings;
  });
}

Result<std::vector<ObjectPrediction>> Predictor::predict(const Embedding& embedding,
                                                         std::span<const Prompt> prompts,
                                                         const PredictOptions& options) {
  FACET_RETURN_IF_ERROR(check_embedding(embedding, impl_->model->info));
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
      std::vector<MaskTask> tasks;
      const std::int64_t masks = decoded.scores.shape()[1];
      for (std::size_t p = 0; p < batch.size(); ++p) {
        ObjectPrediction& object = objects[batch[p].index];
        const auto scores = decoded.scores.data<float>().subspan(p * masks, masks);
        const auto kept = passing(scores, options.min_score, &object.below_min_score);
        object.masks.resize(kept.size());
        for (std::size_t i = 0; i < kept.size(); ++i) {
          tasks.push_back({std::int64_t(p), kept[i], &object.masks[i]});
        }
      }
      impl_->ctx.team().parallel_for(std::int64_t(tasks.size()), [&](std::int64_t i, int) {
        const MaskTask& task = tasks[i];
        const float score = decoded.scores.data<float>()[task.prompt * masks + task.mask];
        *task.out = make_mask(upsampler, low_res_of(decoded, task.prompt, task.mask), score, options);
      });
      done += int(batch.size());
      if (options.progress) options.progress(done, int(prompts.size()));
    };
    const RunScope scope(impl_->ctx, {}, options.stop);
    impl_->decoder.decode(embedding, std::move(decoder_prompts), options.multimask,
                          std::max(1, options.prompts_per_batch), consume);
    return objects;
  });
}

Result<bool> Predictor::prepare_ahead() {
  return segment::guarded([&]() -> Result<bool> { return impl_->decoder.prepare_ahead(); });
}

std::shared_ptr<const Tensor> mask_to_logits(const Bitmap& mask, const ModelInfo& model) {
  FACET_CHECK(mask.bits.size() == std::size_t(mask.size.height) * mask.size.width,
              "the mask's bits do not fill it");
  // As for SAM 2's drawn masks: +10 inside, -10 outside, averaged over the pixels that a low-resolution cell
  // covers.
  const int longer = std::max(mask.size.height, mask.size.width);
  const double rows = double(Model::kLowRes) / (model.keeps_aspect ? longer : mask.size.height);
  const double columns = double(Model::kLowRes) / (model.keeps_aspect ? longer : mask.size.width);
  Tensor logits(Shape({Model::kLowRes, Model::kLowRes}));
  for (int y = 0; y < Model::kLowRes; ++y) {
    const int y0 = int(y / rows);
    const int y1 = std::max(y0 + 1, int((y + 1) / rows));
    for (int x = 0; x < Model::kLowRes; ++x) {
      const int x0 = int(x / columns);
      const int x1 = std::max(x0 + 1, int((x + 1) / columns));
      int inside = 0;
      int seen = 0;
      for (int row = y0; row < std::min(y1, mask.size.height); ++row) {
        for (int column = x0; column < std::min(x1, mask.size.width); ++column) {
          inside += mask.bits[std::size_t(row) * mask.size.width + column] != 0 ? 1 : 0;
          ++seen;
        }
      }
      const double share = seen == 0 ? 0.0 : double(inside) / seen;
      logits.data<float>()[y * Model::kLowRes + x] = static_cast<float>(20.0 * share - 10.0);
    }
  }
  return std::make_shared<const Tensor>(std::move(logits));
}

}  // namespace facet
