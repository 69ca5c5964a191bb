#include "models/sam_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_sam.h"

namespace facet::models {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::TinySam;

Status load_error(const TinySam& weights) { return build_model(weights, ops::cpu_kernels()).status(); }

TEST(SamModel, IsRecognisedFromNamesAndShapes) {
  const auto model = build_model(TinySam(), ops::cpu_kernels());
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model_info(**model).architecture, "sam_vit_32x1");
  EXPECT_GT(model_info(**model).parameters, 4'000'000);
}

TEST(SamModel, FingerprintsDifferWithTheWeights) {
  const auto model = build_model(TinySam(), ops::cpu_kernels());
  EXPECT_EQ(model_info(**model).fingerprint,
            model_info(**build_model(TinySam(), ops::reference_kernels())).fingerprint);
  TinySam wider;
  wider.shapes["image_encoder.norm_head.weight"] = {320};  // not used: the same model
  EXPECT_EQ(model_info(**model).fingerprint,
            model_info(**build_model(wider, ops::cpu_kernels())).fingerprint);
}

TEST(SamModel, OneLoadReportsEverythingThatDoesNotFit) {
  TinySam weights;
  weights.shapes.erase("mask_decoder.mask_tokens.weight");
  weights.shapes.erase("image_encoder.blocks.0.norm2.bias");
  weights.shapes["prompt_encoder.no_mask_embed.weight"] = {1, 255};
  weights.shapes["mask_decoder.something_new"] = {3};
  const Status status = load_error(weights);
  EXPECT_EQ(status.code(), StatusCode::BadModel);
  EXPECT_THAT(status.message(), HasSubstr("tiny.safetensors: 4 tensors do not fit"));
  EXPECT_THAT(status.message(), HasSubstr("missing: mask_decoder.mask_tokens.weight [4, 256]"));
  EXPECT_THAT(status.message(), HasSubstr("missing: image_encoder.blocks.0.norm2.bias [32]"));
  EXPECT_THAT(status.message(),
              HasSubstr("misshapen: prompt_encoder.no_mask_embed.weight is [1, 255], expected [1, 256]"));
  EXPECT_THAT(status.message(), HasSubstr("unknown: mask_decoder.something_new [3]"));
}

TEST(SamModel, SaysWhatAnotherFileHolds) {
  TinySam weights;
  weights.shapes.clear();
  weights.shapes["layer1.conv.weight"] = {64, 3, 7, 7};
  EXPECT_THAT(load_error(weights).message(), HasSubstr("layer1.conv.weight"));
  weights.shapes.clear();
  EXPECT_THAT(load_error(weights).message(), HasSubstr("no tensors"));
}

TEST(SamModel, RefusesAbsurdShapes) {
  TinySam weights;
  weights.shapes["image_encoder.pos_embed"] = {1, 64, 64, 1LL << 40};
  EXPECT_EQ(load_error(weights).code(), StatusCode::BadModel);
  weights = TinySam();
  weights.shapes["image_encoder.pos_embed"] = {};
  EXPECT_EQ(load_error(weights).code(), StatusCode::BadModel);
  weights = TinySam();
  weights.shapes["image_encoder.blocks.0.attn.rel_pos_h"] = {0, 0};
  EXPECT_EQ(load_error(weights).code(), StatusCode::BadModel);
}

}  // namespace
}  // namespace facet::models
