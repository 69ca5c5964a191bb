// Real nuclei with box prompts against ground truth: the same mean IoU as the reference's.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "facet/picture.h"
#include "facet/predictor.h"
#include "io/raster_reader.h"
#include "support/paths.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::shared_path;

constexpr int kLeastPixels = 16;
constexpr double kPictureTolerance = 0.005;
constexpr double kMeanTolerance = 0.002;

struct Nucleus {
  Bitmap mask;
  Box box;
  int pixels = 0;
};

std::vector<Nucleus> nuclei_of(const io::Raster& labels) {
  const auto& ids = std::get<std::vector<std::uint16_t>>(labels.samples);
  std::map<int, Nucleus> found;
  for (int y = 0; y < labels.size.height; ++y) {
    for (int x = 0; x < labels.size.width; ++x) {
      const int id = ids[std::size_t(y) * labels.size.width + x];
      if (id == 0) continue;
      auto [entry, added] = found.try_emplace(id);
      Nucleus& nucleus = entry->second;
      const auto fx = static_cast<float>(x);
      const auto fy = static_cast<float>(y);
      if (added) {
        nucleus.mask = {labels.size, std::vector<std::uint8_t>(ids.size())};
        nucleus.box = {fx, fy, fx + 1, fy + 1};
      }
      nucleus.mask.bits[std::size_t(y) * labels.size.width + x] = 1;
      nucleus.box = {std::min(nucleus.box.x0, fx), std::min(nucleus.box.y0, fy),
                     std::max(nucleus.box.x1, fx + 1), std::max(nucleus.box.y1, fy + 1)};
      ++nucleus.pixels;
    }
  }
  std::vector<Nucleus> nuclei;
  for (auto& [id, nucleus] : found) {
    if (nucleus.pixels >= kLeastPixels) nuclei.push_back(std::move(nucleus));
  }
  return nuclei;
}

double mean_iou(Predictor& predictor, const std::string& name, std::size_t* instances) {
  const auto picture = read_picture(shared_path("data/nuclei/val/images/" + name)).value();
  const std::vector<Nucleus> nuclei =
      nuclei_of(io::read_raster(shared_path("data/nuclei/val/labels/" + name), {}).value());
  std::vector<Prompt> boxes;
  for (const Nucleus& nucleus : nuclei) boxes.push_back({.box = nucleus.box});
  const Embedding embedding = predictor.set_image(picture.image).value();
  const auto objects = predictor.predict(embedding, boxes, {.multimask = false}).value();
  double sum = 0;
  for (std::size_t i = 0; i < nuclei.size(); ++i)
    sum += rle_iou(objects[i].masks[0].rle, rle_encode(nuclei[i].mask));
  *instances = nuclei.size();
  return sum / double(nuclei.size());
}

TEST(NucleiGolden, MeanIouWithBoxPromptsEqualsTheReference) {
  FACET_REQUIRE_SHARED("goldens/nuclei_val_mobile_sam.json");
  FACET_REQUIRE_SHARED("data/nuclei/val/images");
  std::ifstream stream(shared_path("goldens/nuclei_val_mobile_sam.json"));
  const json golden = json::parse(stream);
  Predictor predictor(load_model(shared_path("models/mobile_sam.pt")).value());
  double sum = 0;
  for (const auto& [name, expected] : golden["pictures"].items()) {
    std::size_t instances = 0;
    const double iou = mean_iou(predictor, name, &instances);
    EXPECT_EQ(instances, expected["instances"].get<std::size_t>()) << name;
    EXPECT_NEAR(iou, expected["mean_iou"].get<double>(), kPictureTolerance) << name;
    sum += iou;
  }
  const double mean = sum / double(golden["pictures"].size());
  RecordProperty("mean_iou", std::to_string(mean));
  EXPECT_NEAR(mean, golden["mean_iou"].get<double>(), kMeanTolerance);
}

}  // namespace
}  // namespace facet
