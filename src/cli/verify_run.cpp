#include "cli/verify_run.h"

#include <algorithm>

#include "cli/model_steps.h"
#include "facet/predictor.h"
#include "models/sam_model.h"
#include "ops/observed_kernels.h"
#include "segment/guard.h"
#include "segment/transforms.h"

namespace facet::cli {
namespace {

/// One model at work on one picture.
class Side {
 public:
  Side(const ModelPtr& model, int threads, Io& io)
      : model_(model), predictor_(model, {.threads = threads}), threads_(threads), io_(io) {}

  /// Encodes with somebody watching.
  Status encode(const Image& image, ops::Observer& observer) {
    return segment::guarded([&]() -> Status {
      ops::Context ctx(ops::observed_kernels(model_->kernels, observer), ThreadTeam(threads_));
      ctx.set_stop(io_.stop);
      FACET_ASSIGN_OR_RETURN(const segment::Placement placement, segment::place(image.size(), model_->info));
      const Tensor input = segment::to_input(ctx, image, placement, Model::kImageSize);
      embedding = encode_input(ctx, *model_, input, placement);
      return {};
    });
  }
  Result<std::vector<ObjectPrediction>> predict(const std::vector<Prompt>& prompts, bool multimask) {
    return predictor_.predict(embedding, prompts, {.multimask = multimask, .stop = io_.stop});
  }
  Embedding embedding;

 private:
  ModelPtr model_;
  Predictor predictor_;
  int threads_;
  Io& io_;
};

std::vector<Prompt> grid_of_clicks(Size size, int side) {
  std::vector<Prompt> clicks;
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      const Point point{(float(column) + 0.5F) * float(size.width) / float(side),
                        (float(row) + 0.5F) * float(size.height) / float(side)};
      clicks.push_back({.points = {point}, .labels = {1}});
    }
  }
  return clicks;
}

std::size_t best_of(const ObjectPrediction& object) {
  const auto best = std::ranges::max_element(object.masks, {}, &MaskPrediction::score);
  return static_cast<std::size_t>(best - object.masks.begin());
}

std::vector<Prompt> boxes_around(const std::vector<ObjectPrediction>& objects) {
  std::vector<Prompt> boxes;
  for (const ObjectPrediction& object : objects) {
    const BoxXywh box = object.masks[best_of(object)].bbox;
    if (box.width == 0 || box.height == 0) continue;
    const auto x = float(box.x);
    const auto y = float(box.y);
    boxes.push_back({.box = Box{x, y, x + float(box.width), y + float(box.height)}});
  }
  return boxes;
}

std::vector<double> ious_of_best(const std::vector<ObjectPrediction>& tested,
                                 const std::vector<ObjectPrediction>& expected) {
  std::vector<double> ious;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::size_t best = best_of(expected[i]);
    ious.push_back(agreement(tested[i].masks[best].rle, expected[i].masks[best].rle));
  }
  return ious;
}

}  // namespace

VerifyLimits verify_limits(const std::string& precision) {
  if (precision == "fp32") {
    return {.mean_iou = 0.999,
            .embedding_error = 1e-3,
            .step_error = 1e-3,
            .golden_error = 1e-3,
            .golden_area_error = 2e-3};
  }
  if (precision == "int8") return {.mean_iou = 0.98, .step_error = 0.2};
  return {};
}

double agreement(const Rle& a, const Rle& b) {
  return rle_area(a) == 0 && rle_area(b) == 0 ? 1 : rle_iou(a, b);
}

Result<PictureAgreement> compare_models(const ModelPtr& tested, const ModelPtr& expected,
                                        const VerifyPicture& picture, int threads, int side, Io& io) {
  Side left(tested, threads, io);
  Side right(expected, threads, io);
  PictureAgreement result{.picture = picture.name};
  {
    StepRecorder recorder;
    FACET_RETURN_IF_ERROR(right.encode(picture.image, recorder));
    StepComparer comparer(recorder);
    FACET_RETURN_IF_ERROR(left.encode(picture.image, comparer));
    result.steps = comparer.take();
  }
  result.embedding_error = relative_error(*left.embedding.features, *right.embedding.features);
  const std::vector<Prompt> clicks = grid_of_clicks(picture.image.size(), side);
  FACET_ASSIGN_OR_RETURN(const auto expected_clicks, right.predict(clicks, true));
  FACET_ASSIGN_OR_RETURN(const auto tested_clicks, left.predict(clicks, true));
  result.click_ious = ious_of_best(tested_clicks, expected_clicks);
  const std::vector<Prompt> boxes = boxes_around(expected_clicks);
  FACET_ASSIGN_OR_RETURN(const auto expected_boxes, right.predict(boxes, false));
  FACET_ASSIGN_OR_RETURN(const auto tested_boxes, left.predict(boxes, false));
  result.box_ious = ious_of_best(tested_boxes, expected_boxes);
  return result;
}

}  // namespace facet::cli
