#include "facet/automatic_masks.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ops/transfer.h"
#include "segment/crops.h"
#include "segment/guard.h"
#include "segment/mask_cleanup.h"
#include "segment/mask_upsampling.h"
#include "segment/nms.h"
#include "segment/predictor_impl.h"
#include "segment/prompt_checks.h"
#include "segment/prompt_decoder.h"
#include "segment/transforms.h"

namespace facet {
namespace {

using segment::Crop;
using segment::DecodedBatch;
using segment::DecoderPrompt;
using segment::MaskUpsampler;

// Prompts decoded at once; points_per_batch only bounds it on a CPU, where larger batches keep clicks waiting
// that come in between. With pictures in bfloat16 twice as many take as long, and read these half as often.
int prompts_at_once(const ops::Context& ctx, const Model& model, int points_per_batch) {
  constexpr int kMostExact = 4;
  constexpr int kMostNarrow = 8;
  if (!ctx.kernels().on_host()) return points_per_batch;
  return std::min(points_per_batch, model.mask_decoder.prepares_exactly() ? kMostExact : kMostNarrow);
}

constexpr float kSamPredIouThresh = 0.88F;
constexpr float kSam2PredIouThresh = 0.8F;

// A mask with its box as the reference measures boxes: the last column and row, not the ones after them.
struct Candidate {
  AutomaticMask mask;
  Box box;
};

Box corner_box(const BoxXywh& box) {
  if (box.width == 0) return {};
  return {static_cast<float>(box.x), static_cast<float>(box.y), static_cast<float>(box.x + box.width - 1),
          static_cast<float>(box.y + box.height - 1)};
}

BoxXywh to_xywh(const Box& box) {
  return {int(box.x0), int(box.y0), int(box.x1 - box.x0), int(box.y1 - box.y0)};
}

std::vector<Candidate> select(std::vector<Candidate> candidates, std::span<const float> scores,
                              float iou_threshold) {
  std::vector<Box> boxes;
  for (const Candidate& candidate : candidates) boxes.push_back(candidate.box);
  std::vector<Candidate> kept;
  for (const std::size_t index : segment::box_nms(boxes, scores, iou_threshold)) {
    kept.push_back(std::move(candidates[index]));
  }
  return kept;
}

std::vector<float> predicted_ious(const std::vector<Candidate>& candidates) {
  std::vector<float> scores;
  for (const Candidate& candidate : candidates) scores.push_back(candidate.mask.predicted_iou);
  return scores;
}

// Small crops first: between crops, the mask found at the finer scale wins.
std::vector<float> smallness_of_crops(const std::vector<Candidate>& candidates) {
  std::vector<float> scores;
  for (const Candidate& candidate : candidates) {
    const BoxXywh& crop = candidate.mask.crop_box;
    scores.push_back(1.0F / (static_cast<float>(crop.width) * static_cast<float>(crop.height)));
  }
  return scores;
}

Status check_range(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return {StatusCode::Usage, std::string(name) + " is " + std::to_string(value) + "; expected " +
                                 std::to_string(low) + " to " + std::to_string(high)};
}

Status check_options(const AutomaticMaskOptions& options) {
  if (options.point_grids.empty()) {
    FACET_RETURN_IF_ERROR(check_range("points_per_side", options.points_per_side, 1, 1024));
  } else if (options.point_grids.size() != std::size_t(options.crop_n_layers) + 1) {
    return {StatusCode::Usage, "point_grids has " + std::to_string(options.point_grids.size()) +
                                   " grids; expected one a crop layer, " +
                                   std::to_string(options.crop_n_layers + 1)};
  }
  for (const std::vector<Point>& grid : options.point_grids) {
    for (const Point& point : grid) {
      FACET_RETURN_IF_ERROR(check_range("a grid point's x", point.x, 0, 1));
      FACET_RETURN_IF_ERROR(check_range("a grid point's y", point.y, 0, 1));
    }
  }
  FACET_RETURN_IF_ERROR(check_range("points_per_batch", options.points_per_batch, 1, 1 << 20));
  FACET_RETURN_IF_ERROR(check_range("pred_iou_thresh", options.pred_iou_thresh.value_or(0), 0, 10));
  FACET_RETURN_IF_ERROR(check_range("stability_score_thresh", options.stability_score_thresh, 0, 1));
  FACET_RETURN_IF_ERROR(check_range("stability_score_offset", options.stability_score_offset, 0, 100));
  FACET_RETURN_IF_ERROR(check_range("box_nms_thresh", options.box_nms_thresh, 0, 1));
  FACET_RETURN_IF_ERROR(check_range("crop_n_layers", options.crop_n_layers, 0, 5));
  FACET_RETURN_IF_ERROR(check_range("crop_nms_thresh", options.crop_nms_thresh, 0, 1));
  FACET_RETURN_IF_ERROR(check_range("crop_overlap_ratio", options.crop_overlap_ratio, 0, 1));
  FACET_RETURN_IF_ERROR(
      check_range("crop_n_points_downscale_factor", options.crop_n_points_downscale_factor, 1, 1024));
  return check_range("min_mask_region_area", options.min_mask_region_area, 0, 1e9);
}

std::vector<std::vector<Point>> grids_of_layers(const AutomaticMaskOptions& options) {
  if (!options.point_grids.empty()) return options.point_grids;
  std::vector<std::vector<Point>> grids;
  for (int layer = 0; layer <= options.crop_n_layers; ++layer) {
    const double divisor = std::pow(double(options.crop_n_points_downscale_factor), layer);
    grids.push_back(segment::point_grid(int(options.points_per_side / divisor)));
  }
  return grids;
}

// The masks of one decoded batch that pass the filters; the cheapest filter first.
class CropMasks {
 public:
  CropMasks(const AutomaticMaskOptions& options, float least_iou, const Crop& crop,
            const segment::Placement& placement, Size picture)
      : options_(options),
        least_iou_(least_iou),
        crop_(crop),
        picture_(picture),
        upsampler_(placement, Model::kLowRes, Model::kImageSize),
        mask_options_{.threshold = 0.0F,
                      .stability_offset = options.stability_score_offset,
                      .canvas = picture,
                      .left = crop.x0,
                      .top = crop.y0} {}

  void add(ops::Context& ctx, std::span<const DecoderPrompt> prompts, const std::vector<Point>& points,
           const DecodedBatch& batch) {
    struct Task {
      Point point;
      float score;
    };
    std::vector<Task> tasks;
    std::vector<std::int64_t> wanted;
    const std::int64_t masks = batch.scores.shape()[1];
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      for (std::int64_t m = 0; m < masks; ++m) {
        const std::int64_t output = std::int64_t(p) * masks + m;
        const float score = batch.scores.data<float>()[output];
        if (least_iou_ > 0 && score <= least_iou_) continue;
        tasks.push_back({points[prompts[p].index], score});
        wanted.push_back(output);
      }
    }
    std::vector<std::optional<Candidate>> found(tasks.size());
    upsampler_.masks(ctx, batch.masks, wanted, mask_options_, [&](std::size_t i, MaskUpsampler::Mask mask) {
      found[i] = candidate(std::move(mask), tasks[i].point, tasks[i].score);
    });
    for (std::optional<Candidate>& one : found) {
      if (one) candidates_.push_back(std::move(*one));
    }
  }

  std::vector<Candidate> take() && { return std::move(candidates_); }

 private:
  [[nodiscard]] std::optional<Candidate> candidate(MaskUpsampler::Mask mask, Point point, float score) const {
    if (options_.stability_score_thresh > 0 && mask.stability_score < options_.stability_score_thresh)
      return {};
    Candidate out;
    out.box = corner_box(mask.box);
    if (segment::near_crop_edge(out.box, crop_, picture_)) return {};
    out.mask.area = mask.area;
    out.mask.rle = std::move(mask.rle);
    out.mask.predicted_iou = score;
    out.mask.stability_score = mask.stability_score;
    out.mask.point = {point.x + static_cast<float>(crop_.x0), point.y + static_cast<float>(crop_.y0)};
    out.mask.crop_box = {crop_.x0, crop_.y0, crop_.size().width, crop_.size().height};
    return out;
  }

  const AutomaticMaskOptions& options_;
  float least_iou_;
  Crop crop_;
  Size picture_;
  MaskUpsampler upsampler_;
  MaskUpsampler::Options mask_options_;
  std::vector<Candidate> candidates_;
};

// Every decoded mask as a prompt of its own, beside the point that gave it.
std::vector<DecoderPrompt> with_own_masks(ops::Context& ctx, std::span<const DecoderPrompt> prompts,
                                          const DecodedBatch& decoded) {
  const ops::OnHost all_logits(ctx, decoded.masks);
  constexpr float kLargestLogit = 32.0F;
  const std::int64_t masks = decoded.scores.shape()[1];
  const std::int64_t area = std::int64_t(Model::kLowRes) * Model::kLowRes;
  std::vector<DecoderPrompt> refined;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    for (std::int64_t m = 0; m < masks; ++m) {
      const std::int64_t output = std::int64_t(p) * masks + m;
      Tensor logits = Tensor::from(all_logits.view().data<float>().subspan(output * area, area),
                                   {Model::kLowRes, Model::kLowRes});
      for (float& logit : logits.data<float>()) logit = std::clamp(logit, -kLargestLogit, kLargestLogit);
      refined.push_back(prompts[p]);
      refined.back().mask_logits = std::make_shared<const Tensor>(std::move(logits));
    }
  }
  return refined;
}

// Holes and islands go; then duplicates among what changed, masks that needed no change first.
std::vector<Candidate> clean_up(ops::Context& ctx, std::vector<Candidate> candidates, int min_area,
                                float iou_threshold) {
  std::vector<float> unchanged(candidates.size());
  const auto clean = [&](std::size_t i) {
    Bitmap mask = rle_decode(candidates[i].mask.rle);
    const bool filled = segment::remove_small_regions(mask, min_area, segment::SmallRegions::Holes);
    const bool cleared = segment::remove_small_regions(mask, min_area, segment::SmallRegions::Islands);
    unchanged[i] = filled || cleared ? 0.0F : 1.0F;
    if (unchanged[i] != 0) return;
    candidates[i].mask.rle = rle_encode(mask);
    candidates[i].mask.area = rle_area(candidates[i].mask.rle);
    candidates[i].box = corner_box(rle_bbox(candidates[i].mask.rle));
  };
  // A mask of a large picture takes a second.
  const auto together = std::size_t(ctx.team().size());
  for (std::size_t begin = 0; begin < candidates.size(); begin += together) {
    ctx.between_blocks();
    ctx.team().parallel_for(std::int64_t(std::min(together, candidates.size() - begin)),
                            [&](std::int64_t i, int) { clean(begin + std::size_t(i)); });
  }
  return select(std::move(candidates), unchanged, iou_threshold);
}

}  // namespace

AutomaticMaskGenerator::AutomaticMaskGenerator(ModelPtr model, AutomaticMaskOptions options,
                                               PredictorOptions predictor_options)
    : own_(std::make_unique<Predictor>(std::move(model), predictor_options)),
      predictor_(*own_),
      options_(std::move(options)) {}

AutomaticMaskGenerator::AutomaticMaskGenerator(Predictor& predictor, AutomaticMaskOptions options)
    : predictor_(predictor), options_(std::move(options)) {}

Result<std::vector<AutomaticMask>> AutomaticMaskGenerator::generate(const Image& image) {
  return run(nullptr, &image);
}

Result<std::vector<AutomaticMask>> AutomaticMaskGenerator::generate(const Embedding& whole,
                                                                    const Image* image) {
  FACET_RETURN_IF_ERROR(segment::check_embedding(whole, predictor_.model()));
  if (image == nullptr && options_.crop_n_layers > 0)
    return Status(StatusCode::Usage, "crop_n_layers: crops are cut from the picture, which is missing");
  return run(&whole, image);
}

// One of the two may be null.
Result<std::vector<AutomaticMask>> AutomaticMaskGenerator::run(const Embedding* whole, const Image* image) {
  FACET_RETURN_IF_ERROR(check_options(options_));
  const Size size = image != nullptr ? image->size() : whole->original_size;
  ops::Context& ctx = predictor_.impl_->ctx;
  const Model& model = *predictor_.impl_->model;
  return segment::guarded([&]() -> Result<std::vector<AutomaticMask>> {
    const std::vector<Crop> crops =
        segment::crop_boxes(size, options_.crop_n_layers, options_.crop_overlap_ratio);
    const std::vector<std::vector<Point>> grids = grids_of_layers(options_);
    int total = 0;
    for (const Crop& crop : crops) total += int(grids[crop.layer].size());
    int done = 0;
    const float least_iou =
        options_.pred_iou_thresh.value_or(model.memory ? kSam2PredIouThresh : kSamPredIouThresh);
    const auto embedding_of = [&](const Crop& crop) -> Result<Embedding> {
      if (crop.layer == 0 && whole != nullptr) return *whole;
      return predictor_.set_image(crop.layer == 0 ? *image : segment::cut(*image, crop),
                                  {options_.between_blocks, options_.stop});
    };
    std::vector<Candidate> all;
    for (const Crop& crop : crops) {
      FACET_ASSIGN_OR_RETURN(const Embedding embedding, embedding_of(crop));
      const RunScope scope(ctx, options_.between_blocks, options_.stop);
      const segment::Placement placement{embedding.original_size, embedding.input_size,
                                         !model.info.keeps_aspect};
      std::vector<Point> points = grids[crop.layer];
      std::vector<DecoderPrompt> prompts(points.size());
      for (std::size_t i = 0; i < points.size(); ++i) {
        points[i] = {points[i].x * static_cast<float>(crop.size().width),
                     points[i].y * static_cast<float>(crop.size().height)};
        prompts[i].sparse = {.points_model_px = {placement.to_model(points[i])}, .labels = {1}};
        prompts[i].index = i;
      }
      CropMasks masks(options_, least_iou, crop, placement, size);
      const int per_batch = prompts_at_once(ctx, model, options_.points_per_batch);
      const auto consume = [&](std::span<const DecoderPrompt> batch, const DecodedBatch& decoded) {
        masks.add(ctx, batch, points, decoded);
      };
      segment::PromptDecoder decoder(ctx, model);  // of this crop alone
      decoder.decode(embedding, std::move(prompts), options_.multimask_output, per_batch,
                     [&](std::span<const DecoderPrompt> batch, const DecodedBatch& decoded) {
                       if (options_.use_m2m) {
                         decoder.decode(embedding, with_own_masks(ctx, batch, decoded), false, per_batch,
                                        consume);
                       } else {
                         consume(batch, decoded);
                       }
                       done += int(batch.size());
                       if (options_.progress) options_.progress(done, total);
                     });
      predictor_.impl_->reduced_batches += decoder.reduced_batches();
      std::vector<Candidate> found = std::move(masks).take();
      const std::vector<float> scores = predicted_ious(found);
      for (Candidate& kept : select(std::move(found), scores, options_.box_nms_thresh))
        all.push_back(std::move(kept));
    }
    if (crops.size() > 1) {
      const std::vector<float> scores = smallness_of_crops(all);
      all = select(std::move(all), scores, options_.crop_nms_thresh);
    }
    if (options_.min_mask_region_area > 0) {
      const RunScope scope(ctx, options_.between_blocks, options_.stop);
      all = clean_up(ctx, std::move(all), options_.min_mask_region_area,
                     std::max(options_.box_nms_thresh, options_.crop_nms_thresh));
    }
    std::vector<AutomaticMask> out;
    for (Candidate& candidate : all) {
      candidate.mask.bbox = to_xywh(candidate.box);
      out.push_back(std::move(candidate.mask));
    }
    return out;
  });
}

}  // namespace facet
