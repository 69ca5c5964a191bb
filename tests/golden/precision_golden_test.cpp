// What the masks of MobileSAM with its published weights lose in each precision: their overlap with the masks
// in float32, by clicks and by boxes, on photographs.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "facet/picture.h"
#include "facet/predictor.h"
#include "golden/golden_devices.h"
#include "support/paths.h"

namespace facet {
namespace {

using testing::shared_path;

constexpr const char* kPhotos[] = {"cars.jpg", "dog.jpg", "groceries.jpg", "truck.jpg"};
constexpr int kClicks = 8;            // along a side of the picture
constexpr float kClearScore = 0.88F;  // what automatic masks keep: below it a mask may be anything

struct PrecisionCase {
  Precision precision;
  double least_mean_iou;
  std::string device = "cpu";
};

std::vector<Prompt> grid_of_clicks(Size size) {
  std::vector<Prompt> prompts;
  for (int y = 0; y < kClicks; ++y) {
    for (int x = 0; x < kClicks; ++x) {
      const Point at{(float(x) + 0.5F) * float(size.width) / kClicks,
                     (float(y) + 0.5F) * float(size.height) / kClicks};
      prompts.push_back({.points = {at}, .labels = {1}});
    }
  }
  return prompts;
}

std::size_t best_of(const ObjectPrediction& object) {
  const auto best = std::ranges::max_element(object.masks, {}, &MaskPrediction::score);
  return std::size_t(best - object.masks.begin());
}

class PrecisionGolden : public ::testing::TestWithParam<PrecisionCase> {
 protected:
  // The best mask of each click in float32 that is clear, then the mask of its box, against the same of
  // `other`.
  void compare(Predictor& wide, Predictor& other, const std::string& photo) {
    const Image image = read_picture(shared_path("data/photos/" + photo))->image;
    const Embedding expected = wide.set_image(image).value();
    const Embedding actual = other.set_image(image).value();
    const std::vector<Prompt> clicks = grid_of_clicks(image.size());
    const auto wide_clicks = wide.predict(expected, clicks).value();
    const auto other_clicks = other.predict(actual, clicks).value();
    std::vector<Prompt> boxes;
    for (std::size_t i = 0; i < clicks.size(); ++i) {
      const std::size_t best = best_of(wide_clicks[i]);
      const MaskPrediction& mask = wide_clicks[i].masks[best];
      if (mask.score < kClearScore || mask.area == 0) continue;
      add(rle_iou(mask.rle, other_clicks[i].masks[best].rle));
      const BoxXywh& box = mask.bbox;
      boxes.push_back(
          {.box = Box{float(box.x), float(box.y), float(box.x + box.width), float(box.y + box.height)}});
    }
    const PredictOptions single{.multimask = false};
    const auto wide_boxes = wide.predict(expected, boxes, single).value();
    const auto other_boxes = other.predict(actual, boxes, single).value();
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      add(rle_iou(wide_boxes[i].masks[0].rle, other_boxes[i].masks[0].rle));
    }
  }

  void add(double iou) { ious_.push_back(iou); }
  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const double iou : ious_) sum += iou;
    return sum / double(ious_.size());
  }

  std::vector<double> ious_;
};

TEST_P(PrecisionGolden, MasksAreNearlyThoseOfFloat32) {
  FACET_REQUIRE_SHARED("models/mobile_sam.pt");
  for (const char* photo : kPhotos) FACET_REQUIRE_SHARED(std::string("data/photos/") + photo);
  const std::string path = shared_path("models/mobile_sam.pt");
  Predictor wide(load_model(path).value());
  Predictor other(load_model(path, {.precision = GetParam().precision, .device = GetParam().device}).value());
  for (const char* photo : kPhotos) compare(wide, other, photo);
  ASSERT_GT(ious_.size(), 100U);
  std::ranges::sort(ious_);
  std::cout << precision_name(GetParam().precision) << ": " << ious_.size() << " masks, IoU with fp32 mean "
            << mean() << ", least " << ious_.front() << ", 5th percentile " << ious_[ious_.size() / 20]
            << "\n";
  EXPECT_GE(mean(), GetParam().least_mean_iou);
  EXPECT_LT(mean(), 1.0);  // else it was float32 that ran
}

std::vector<PrecisionCase> precision_cases() {
  std::vector<PrecisionCase> all{{Precision::Bf16, 0.99}, {Precision::Int8, 0.98}};
  for (const std::string& device : testing::golden_devices()) {
    if (device != "cpu" && testing::runs_published_sizes(device))
      all.push_back({Precision::Bf16, 0.99, device});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Precisions, PrecisionGolden, ::testing::ValuesIn(precision_cases()),
                         [](const auto& each) {
                           return testing::golden_test_name(std::string(precision_name(each.param.precision)),
                                                            each.param.device);
                         });

}  // namespace
}  // namespace facet
