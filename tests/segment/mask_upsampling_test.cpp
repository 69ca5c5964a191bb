#include "segment/mask_upsampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "ops/kernels.h"
#include "support/tensors.h"

namespace facet::segment {
namespace {

using testing::random_tensor;

// Bilinear interpolation without aligned corners, one step, as the reference applies it twice.
std::vector<double> interpolate(const std::vector<double>& from, Size in, Size out, Size crop) {
  std::vector<double> to(std::size_t(out.height) * out.width);
  const auto at = [&](int y, int x) {
    return from[std::size_t(std::min(y, crop.height - 1)) * in.width + std::min(x, crop.width - 1)];
  };
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const double sy = std::max(0.0, (y + 0.5) * crop.height / out.height - 0.5);
      const double sx = std::max(0.0, (x + 0.5) * crop.width / out.width - 0.5);
      const int y0 = int(sy);
      const int x0 = int(sx);
      const double fy = sy - y0;
      const double fx = sx - x0;
      to[std::size_t(y) * out.width + x] = (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x0 + 1)) +
                                           fy * ((1 - fx) * at(y0 + 1, x0) + fx * at(y0 + 1, x0 + 1));
    }
  }
  return to;
}

constexpr int kLowRes = 16;
constexpr int kSquare = 64;

std::vector<double> two_steps(const Tensor& logits, const Placement& placement) {
  const std::vector<double> low(logits.data<float>().begin(), logits.data<float>().end());
  const Size low_size{kLowRes, kLowRes};
  const Size square{kSquare, kSquare};
  return interpolate(interpolate(low, low_size, square, low_size), square, placement.original,
                     placement.input);
}

class MaskUpsampling : public ::testing::TestWithParam<Size> {
 protected:
  Placement placement = place(GetParam(), ModelInfo{.image_size = kSquare}).value();
  MaskUpsampler upsampler{placement, kLowRes, kSquare};
  Tensor logits = random_tensor({kLowRes, kLowRes}, 3);
};

TEST_P(MaskUpsampling, EqualsTheTwoStepsOfTheReference) {
  const std::vector<double> expected = two_steps(logits, placement);
  const std::vector<float> actual = upsampler.logits(logits.data<float>());
  for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(actual[i], expected[i], 2e-6) << i;
}

TEST_P(MaskUpsampling, RunsAreTheThresholdedLogits) {
  const std::vector<float> values = upsampler.logits(logits.data<float>());
  const auto mask = upsampler.mask(logits.data<float>(), {.threshold = 0.1F, .canvas = upsampler.size()});
  const Bitmap bitmap = rle_decode(mask.rle);
  std::int64_t area = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(bitmap.bits[i], values[i] > 0.1F ? 1 : 0) << i;
    area += bitmap.bits[i];
  }
  EXPECT_EQ(mask.area, area);
}

TEST_P(MaskUpsampling, WhatLiesBelowTheThresholdIsEmptyAndTheRestIsExact) {
  Tensor few(Shape({kLowRes, kLowRes}));
  for (float& value : few.data<float>()) value = -5.0F;
  const MaskUpsampler::Options options{.canvas = upsampler.size()};
  const auto none = upsampler.mask(few.data<float>(), options);
  EXPECT_EQ(none.area, 0);
  EXPECT_EQ(none.rle.counts.size(), 1U);
  EXPECT_FLOAT_EQ(none.stability_score, 1.0F);
  for (const int cell : {0, 1, 1 + kLowRes, 2 + kLowRes}) few.data<float>()[cell] = 4.0F;
  const std::vector<float> values = upsampler.logits(few.data<float>());
  const auto mask = upsampler.mask(few.data<float>(), options);
  const Bitmap bitmap = rle_decode(mask.rle);
  double inner = 0;
  double outer = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(bitmap.bits[i], values[i] > 0 ? 1 : 0) << i;
    inner += values[i] > 1 ? 1 : 0;
    outer += values[i] > -1 ? 1 : 0;
  }
  EXPECT_FLOAT_EQ(mask.stability_score, outer == 0 ? 1.0F : float(inner / outer));
}

TEST_P(MaskUpsampling, StabilityComparesTheAreasAroundTheThreshold) {
  const MaskUpsampler::Options options{.stability_offset = 0.25F, .canvas = upsampler.size()};
  double inner = 0;
  double outer = 0;
  for (const float value : upsampler.logits(logits.data<float>())) {
    inner += value > 0.25F ? 1 : 0;
    outer += value > -0.25F ? 1 : 0;
  }
  EXPECT_FLOAT_EQ(upsampler.stability_score(logits.data<float>(), options), float(inner / outer));
  EXPECT_FLOAT_EQ(upsampler.mask(logits.data<float>(), options).stability_score, float(inner / outer));
}

TEST_P(MaskUpsampling, ACropLiesWhereItWasCut) {
  const Size size = GetParam();
  const Size canvas{size.height + 5, size.width + 9};
  const auto alone = rle_decode(upsampler.mask(logits.data<float>(), {.canvas = size}).rle);
  const auto placed =
      rle_decode(upsampler.mask(logits.data<float>(), {.canvas = canvas, .left = 7, .top = 3}).rle);
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      const bool inside = y >= 3 && y < 3 + size.height && x >= 7 && x < 7 + size.width;
      const int expected = inside ? alone.bits[std::size_t(y - 3) * size.width + (x - 7)] : 0;
      ASSERT_EQ(placed.bits[std::size_t(y) * canvas.width + x], expected);
    }
  }
}

// Three masks on seven threads are made in bands; the others one by one.
TEST_P(MaskUpsampling, ThreadsThatShareAMaskMakeTheSameOne) {
  Tensor stack = random_tensor({3, kLowRes, kLowRes}, 4);
  for (float& value : stack.data<float>().subspan(kLowRes * kLowRes, kLowRes * kLowRes)) value = -5.0F;
  const Size size = GetParam();
  const MaskUpsampler::Options options{
      .stability_offset = 0.25F, .canvas = {size.height + 5, size.width + 9}, .left = 7, .top = 3};
  ops::Context ctx(ops::cpu_kernels(), ThreadTeam(7));
  const std::int64_t wanted[] = {2, 1, 0};
  std::vector<MaskUpsampler::Mask> made(3);
  upsampler.masks(ctx, stack, wanted, options,
                  [&](std::size_t i, MaskUpsampler::Mask mask) { made[i] = std::move(mask); });
  for (std::size_t i = 0; i < 3; ++i) {
    const auto values = std::as_const(stack).data<float>().subspan(wanted[i] * kLowRes * kLowRes);
    const auto whole = upsampler.mask(values.first(kLowRes * kLowRes), options);
    EXPECT_EQ(made[i].rle.counts, whole.rle.counts) << i;
    EXPECT_EQ(made[i].rle.size, options.canvas);
    EXPECT_EQ(made[i].area, whole.area);
    EXPECT_EQ(made[i].box, whole.box);
    EXPECT_EQ(made[i].stability_score, whole.stability_score);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MaskUpsampling,
                         ::testing::Values(Size{64, 64}, Size{30, 70}, Size{200, 90}, Size{7, 5},
                                           Size{2, 9}));

TEST(MaskUpsampler, AnEmptyMaskIsOneRun) {
  const Placement placement = place({20, 30}, ModelInfo{.image_size = kSquare}).value();
  const MaskUpsampler upsampler(placement, kLowRes, kSquare);
  const std::vector<float> nothing(kLowRes * kLowRes, -5.0F);
  const auto mask = upsampler.mask(nothing, {.canvas = {20, 30}});
  EXPECT_EQ(mask.rle.counts, std::vector<std::uint32_t>{600});
  EXPECT_EQ(mask.area, 0);
}

}  // namespace
}  // namespace facet::segment
