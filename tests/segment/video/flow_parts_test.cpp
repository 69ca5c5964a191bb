#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/check.h"
#include "segment/video/carried_mask.h"
#include "segment/video/colour_model.h"
#include "segment/video/mask_finish.h"
#include "segment/video/mask_history.h"
#include "segment/video/similarity.h"
#include "segment/video/video_scene.h"

namespace facet::segment {
namespace {

using testing::disc_mask;
using testing::scene_frame;

double iou(const Bitmap& a, const Bitmap& b) { return rle_iou(rle_encode(a), rle_encode(b)); }

std::vector<float> logits_of(const Bitmap& mask) {
  std::vector<float> logits;
  for (const std::uint8_t bit : mask.bits) logits.push_back(bit != 0 ? 8.0F : -8.0F);
  return logits;
}

TEST(Similarity, IsFoundDespitePairsThatMoveOtherwise) {
  const Similarity truth{std::polar(1.2, 0.3), {5, -7}};
  std::vector<Point> from, to;
  for (int i = 0; i < 40; ++i) {
    from.push_back({float(i * 13 % 50), float(i * 7 % 40)});
    to.push_back(i % 4 == 0 ? Point{float(i), 90} : truth.apply(from.back()));
  }
  const auto found = fit_similarity(from, to, 1.0);
  ASSERT_TRUE(found);
  EXPECT_NEAR(std::abs(found->turn - truth.turn), 0, 1e-4);
  EXPECT_NEAR(std::abs(found->shift - truth.shift), 0, 1e-2);
  const Point back = found->undo(found->apply({10, 20}));
  EXPECT_NEAR(back.x, 10, 1e-3);
  EXPECT_NEAR(back.y, 20, 1e-3);
}

TEST(Similarity, NeedsTwoPairs) {
  EXPECT_FALSE(fit_similarity({{1, 1}}, {{2, 2}}, 1));
  EXPECT_THROW((void)fit_similarity({{1, 1}}, {}, 1), ContractError);
}

TEST(CarriedMask, FollowsADiscOverManyFrames) {
  const Size size{160, 240};
  CarriedMask mask(logits_of(disc_mask(size, {60, 80}, 30)), size);
  FlowFrame before(scene_frame(size, {60, 80}, 30));
  for (int i = 1; i <= 20; ++i) {
    const Point centre{60 + 5.0F * float(i), 80 + 10.0F * std::sin(float(i) / 4)};
    const FlowFrame after(scene_frame(size, centre, 30));
    const MaskMotion motion = mask.move(before, after);
    ASSERT_TRUE(motion.found) << i;
    EXPECT_GT(motion.followed_share, 0.5) << i;
    EXPECT_NEAR(motion.scale, 1, 0.1) << i;
    EXPECT_GT(iou(mask.mask(), disc_mask(size, centre, 30)), 0.85) << i;
    before = after;
  }
}

TEST(CarriedMask, GrowsWithItsObject) {
  const Size size{160, 240};
  CarriedMask mask(logits_of(disc_mask(size, {120, 80}, 30)), size);
  const MaskMotion motion =
      mask.move(FlowFrame(scene_frame(size, {120, 80}, 30)), FlowFrame(scene_frame(size, {120, 80}, 36)));
  ASSERT_TRUE(motion.found);
  EXPECT_NEAR(motion.scale, 1.2, 0.06);
  EXPECT_GT(iou(mask.mask(), disc_mask(size, {120, 80}, 36)), 0.9);
}

TEST(CarriedMask, ACutIsNotFollowed) {
  const Size size{160, 240};
  CarriedMask mask(logits_of(disc_mask(size, {60, 80}, 30)), size);
  Image noise(size);
  std::uint32_t random = 1;
  for (std::uint8_t& value : noise.rgb())
    value = std::uint8_t((random = random * 1664525 + 1013904223) >> 24);
  const MaskMotion motion = mask.move(FlowFrame(scene_frame(size, {60, 80}, 30)), FlowFrame(noise));
  EXPECT_LT(motion.followed_share, 0.3);
}

TEST(CarriedMask, WithoutAPixelThereIsNothingToFollow) {
  const Size size{20, 30};
  CarriedMask mask(std::vector<float>(600, -1.0F), size);
  EXPECT_FALSE(mask.box());
  EXPECT_FALSE(mask.move(FlowFrame(Image(size)), FlowFrame(Image(size))).found);
}

TEST(FlowFrame, LargeFramesAreMadeSmaller) {
  EXPECT_EQ(FlowFrame(Image(Size{1080, 1920})).size(), (Size{540, 960}));
  EXPECT_EQ(FlowFrame(Image(Size{50, 40})).size(), (Size{50, 40}));
}

TEST(ColourModel, FindsTheObjectWhereItsColoursAre) {
  const Size size{160, 240};
  const Bitmap mask = disc_mask(size, {60, 80}, 30);
  const ColourModel object(scene_frame(size, {60, 80}, 30), mask);
  EXPECT_NEAR(object.distance(object), 0, 1e-3);
  const Image elsewhere = scene_frame(size, {180, 100}, 30);
  EXPECT_LT(object.distance(ColourModel(elsewhere, disc_mask(size, {180, 100}, 30))), 0.3);
  EXPECT_GT(object.distance(ColourModel(elsewhere, mask)), 0.7);
  const auto places = find_by_colour(elsewhere, object, {60, 60}, 2);
  ASSERT_FALSE(places.empty());
  EXPECT_NEAR((places[0].x0 + places[0].x1) / 2, 180, 10);
  EXPECT_NEAR((places[0].y0 + places[0].y1) / 2, 100, 10);
}

FrameObject object_with(int number, std::vector<float> logits) {
  return {.object = number, .score = 0.5F, .object_score = 1, .logits = std::move(logits)};
}

TEST(FinishMasks, GivesEachPixelToTheHighestLogit) {
  const Size size{1, 4};
  const auto masks = finish_masks({object_with(1, {3, 3, -1, -1}), object_with(2, {1, 5, 2, -2})}, size,
                                  {.non_overlapping = true, .keep_logits = true});
  EXPECT_EQ(masks[0].area, 1);
  EXPECT_EQ(masks[1].area, 2);
  EXPECT_EQ(masks[0].logits.data<float>()[1], -10);
  EXPECT_EQ(masks[1].logits.data<float>()[0], -10);
}

TEST(FinishMasks, AnObjectWithoutAMaskIsEmptyAndFarBelowZero) {
  const auto masks = finish_masks({object_with(7, {})}, {2, 3}, {.keep_logits = true});
  EXPECT_EQ(masks[0].object, 7);
  EXPECT_EQ(masks[0].area, 0);
  EXPECT_EQ(masks[0].rle.size, (Size{2, 3}));
  EXPECT_EQ(masks[0].logits.data<float>()[5], -1024);
}

TEST(FinishMasks, FillsSmallHolesOnly) {
  const Size size{256, 256};
  std::vector<float> logits(std::size_t(256) * 256, 4.0F);
  logits[100 * 256 + 100] = -1;  // a hole of one cell
  for (int i = 0; i < 9; ++i) logits[std::size_t(200 + i / 3) * 256 + std::size_t(50 + i % 3)] = -1;
  const auto masks = finish_masks({object_with(1, logits)}, size, {.fill_hole_area = 4, .keep_logits = true});
  EXPECT_EQ(masks[0].area, 256 * 256 - 9);
  EXPECT_GT(masks[0].logits.data<float>()[100 * 256 + 100], 0);
}

FrameMasks tracked(int frame, int object, Size size) {
  ObjectMask mask{
      .object = object,
      .rle = rle_encode({size, std::vector<std::uint8_t>(std::size_t(size.height) * size.width, 1)})};
  FrameMasks masks{.frame = frame};
  masks.objects.push_back(std::move(mask));
  return masks;
}

TEST(MaskHistory, StaysWithinItsBudgetAndKeepsWhatIsNear) {
  MaskHistory history(10000);
  for (int frame = 0; frame < 10000; ++frame) {
    history.put(tracked(frame, 1, {8, 8}));
    ASSERT_LE(history.bytes(), 10000U);
  }
  EXPECT_NE(history.find(9999, 1), nullptr);
  EXPECT_EQ(history.find(0, 1), nullptr);
  EXPECT_EQ(history.find(9999, 2), nullptr);
  history.forget_object(1);
  EXPECT_EQ(history.find(9999, 1), nullptr);
  EXPECT_EQ(history.bytes(), 0U);
}

}  // namespace
}  // namespace facet::segment
