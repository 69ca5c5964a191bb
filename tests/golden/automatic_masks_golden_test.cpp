// Everything at once against the reference's generator on real weights.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "facet/automatic_masks.h"
#include "facet/picture.h"
#include "support/paths.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::shared_path;

constexpr double kMatchIou = 0.95;
constexpr double kMatchShare = 0.97;
constexpr double kQualityTolerance = 0.01;

AutomaticMaskOptions to_options(const json& entry) {
  AutomaticMaskOptions options;
  options.points_per_side = entry.value("points_per_side", options.points_per_side);
  options.crop_n_layers = entry.value("crop_n_layers", options.crop_n_layers);
  options.crop_n_points_downscale_factor =
      entry.value("crop_n_points_downscale_factor", options.crop_n_points_downscale_factor);
  options.min_mask_region_area = entry.value("min_mask_region_area", options.min_mask_region_area);
  return options;
}

class AutomaticMasksGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(AutomaticMasksGolden, MatchOneToOne) {
  const std::string file = "goldens/" + GetParam() + ".json";
  FACET_REQUIRE_SHARED(file);
  std::ifstream stream(shared_path(file));
  const json golden = json::parse(stream);
  const auto model = load_model(shared_path("models/mobile_sam.pt"));
  ASSERT_TRUE(model.ok()) << model.status().message();
  const auto picture = read_picture(shared_path("data/photos/" + golden["image"].get<std::string>()));
  ASSERT_TRUE(picture.ok());
  AutomaticMaskGenerator generator(*model, to_options(golden["options"]));
  const auto masks = generator.generate(picture->image);
  ASSERT_TRUE(masks.ok()) << masks.status().message();

  std::vector<bool> taken(masks->size());
  int matched = 0;
  for (const json& expected : golden["masks"]) {
    const Rle rle =
        rle_from_counts(expected["rle"].get<std::vector<std::uint32_t>>(), picture->image.size()).value();
    double best = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < masks->size(); ++i) {
      const double iou = taken[i] ? 0 : rle_iou(rle, (*masks)[i].rle);
      if (iou > best) {
        best = iou;
        at = i;
      }
    }
    if (best < kMatchIou) continue;
    taken[at] = true;
    const AutomaticMask& mask = (*masks)[at];
    const bool scores_agree =
        std::abs(mask.predicted_iou - expected["predicted_iou"].get<float>()) <= kQualityTolerance &&
        std::abs(mask.stability_score - expected["stability_score"].get<float>()) <= kQualityTolerance;
    matched += scores_agree ? 1 : 0;
  }
  const auto total = double(std::max(golden["masks"].size(), masks->size()));
  EXPECT_GE(matched / total, kMatchShare)
      << matched << " of " << golden["masks"].size() << " expected, " << masks->size() << " found";
}

INSTANTIATE_TEST_SUITE_P(Pictures, AutomaticMasksGolden,
                         ::testing::Values("amg_mobile_sam_dog", "amg_mobile_sam_groceries_p16_crop1"));

}  // namespace
}  // namespace facet
