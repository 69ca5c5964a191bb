#include "segment/video/frame_masks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace facet::segment {
namespace {

constexpr Size kVideo{40, 60};

// Logits that are `inside` in columns [first, last) of 256, -5 elsewhere.
std::vector<float> stripe(int first, int last, float inside) {
  std::vector<float> logits(256 * 256, -5.0F);
  for (int y = 0; y < 256; ++y)
    std::fill(logits.begin() + y * 256 + first, logits.begin() + y * 256 + last, inside);
  return logits;
}

TEST(FrameMasks, AnObjectNeverLookedForIsEmpty) {
  const ObjectLogits found[] = {{.object = 4}};
  const FrameMasks masks = frame_masks(ThreadTeam(2), 3, kVideo, found, {.keep_logits = true});
  ASSERT_EQ(masks.objects.size(), 1U);
  EXPECT_EQ(masks.frame, 3);
  EXPECT_EQ(masks.objects[0].object, 4);
  EXPECT_EQ(masks.objects[0].area, 0);
  EXPECT_EQ(masks.objects[0].rle.size, kVideo);
  EXPECT_TRUE(
      std::ranges::all_of(masks.objects[0].logits.data<float>(), [](float v) { return v == -1024.0F; }));
}

TEST(FrameMasks, LogitsAndMaskAgree) {
  const std::vector<float> logits = stripe(64, 128, 3.0F);
  const ObjectLogits found[] = {{.object = 1, .low_res = logits, .score = 0.9F, .object_score = 2.0F}};
  const FrameMasks plain = frame_masks(ThreadTeam(2), 0, kVideo, found, {});
  const FrameMasks full = frame_masks(ThreadTeam(2), 0, kVideo, found, {.keep_logits = true});
  EXPECT_EQ(plain.objects[0].rle, full.objects[0].rle);
  EXPECT_EQ(plain.objects[0].area, 15 * 40);
  EXPECT_EQ(plain.objects[0].bbox.x, 15);
}

TEST(FrameMasks, APixelBelongsToTheHighestLogitWhenAsked) {
  const std::vector<float> weak = stripe(0, 160, 1.0F);
  const std::vector<float> strong = stripe(96, 256, 4.0F);
  const ObjectLogits found[] = {{.object = 1, .low_res = weak}, {.object = 2, .low_res = strong}};
  const FrameMasks apart = frame_masks(ThreadTeam(1), 0, kVideo, found, {.non_overlapping = true});
  EXPECT_EQ(rle_intersection(apart.objects[0].rle, apart.objects[1].rle), 0);
  const FrameMasks over = frame_masks(ThreadTeam(1), 0, kVideo, found, {});
  EXPECT_GT(rle_intersection(over.objects[0].rle, over.objects[1].rle), 0);
}

}  // namespace
}  // namespace facet::segment
