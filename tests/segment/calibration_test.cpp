#include "segment/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/kept_layers.h"
#include "models/sam_model.h"
#include "support/tiny_sam.h"

namespace facet::segment {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

/// TinySam whose file names layers that stay in bfloat16.
class AnnotatedSam : public testing::TinySam {
 public:
  [[nodiscard]] std::string note(const std::string& key) const override {
    return key == models::kKeptLayersKey ? "image_encoder.blocks.0.mlp.lin2 mask_decoder.nothing" : "";
  }
};

Image striped_image() {
  Image image(Size{60, 90});
  for (int y = 0; y < 60; ++y) {
    for (int x = 0; x < 90; ++x) image.pixel(y, x)[1] = x / 9 % 2 == 0 ? 240 : 15;
  }
  return image;
}

TEST(Calibration, MeasuresEveryProductOfTheEncoderAndNoneOfTheDecoder) {
  Calibration calibration = Calibration::open(testing::TinySam(), 2).value();
  EXPECT_EQ(calibration.errors().front().error, 0);
  ASSERT_TRUE(calibration.add(striped_image()).ok());
  std::vector<std::string> names;
  for (const LayerError& layer : calibration.errors()) {
    names.push_back(layer.name);
    EXPECT_GT(layer.error, 0) << layer.name;
    EXPECT_LT(layer.error, 0.1) << layer.name;
  }
  EXPECT_THAT(names, Contains("image_encoder.blocks.0.attn.qkv"));
  EXPECT_THAT(names, Contains("image_encoder.blocks.0.mlp.lin2"));
  EXPECT_THAT(names, Contains("image_encoder.patch_embed.proj"));
  EXPECT_THAT(names, Not(Contains(::testing::HasSubstr("mask_decoder"))));
}

TEST(Calibration, LayersThatTheFileNamesStayInBfloat16) {
  const auto plain = models::build_model(testing::TinySam(), ops::cpu_kernels(Precision::Int8)).value();
  EXPECT_EQ(model_info(*plain).precision, "int8");
  EXPECT_THAT(model_info(*plain).kept_layers, ElementsAre());
  const AnnotatedSam annotated;
  const auto kept = models::build_model(annotated, ops::cpu_kernels(Precision::Int8)).value();
  EXPECT_THAT(model_info(*kept).kept_layers, ElementsAre("image_encoder.blocks.0.mlp.lin2"));
  const auto wide = models::build_model(annotated, ops::cpu_kernels(Precision::Fp32)).value();
  EXPECT_THAT(model_info(*wide).kept_layers, ElementsAre());
}

TEST(Calibration, ListsOfLayersComeBackFromText) {
  const std::string names[] = {"image_encoder.blocks.0.mlp.lin2", "b"};
  EXPECT_EQ(models::join_kept_layers(names), "image_encoder.blocks.0.mlp.lin2 b");
  EXPECT_THAT(models::kept_layers(AnnotatedSam()),
              ElementsAre("image_encoder.blocks.0.mlp.lin2", "mask_decoder.nothing"));
}

}  // namespace
}  // namespace facet::segment
