#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "facet/video_session.h"
#include "models/sam_model.h"
#include "ops/kernels.h"
#include "segment/video/video_scene.h"
#include "support/tiny_sam.h"

namespace facet {
namespace {

using testing::disc_mask;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryFrames;
using testing::scene_frame;

constexpr Size kSize{120, 180};
constexpr double kRadius = 24;

Point centre_at(int frame) { return {40 + 4.0F * float(frame), 60}; }

ModelPtr still_model() {
  static const ModelPtr model = *models::build_model(testing::TinySam(), ops::cpu_kernels());
  return model;
}

/// A session over a disc that moves to the right, followed from its drawn mask; no answer of the (random)
/// model agrees with it, so that masks are flow's alone.
class FlowSession : public ::testing::Test {
 protected:
  VideoSession session(VideoOptions options = {}, int frames = 12, int damaged = -1) {
    std::vector<Image> images;
    for (int i = 0; i < frames; ++i) images.push_back(scene_frame(kSize, centre_at(i), kRadius));
    return {still_model(), std::make_shared<MemoryFrames>(std::move(images), damaged), std::move(options)};
  }
  static VideoPrompt drawn(int frame) { return {.mask = disc_mask(kSize, centre_at(frame), kRadius)}; }
  static double agreement(const FrameMasks& masks, int object = 0) {
    return rle_iou(masks.objects.at(std::size_t(object)).rle,
                   rle_encode(disc_mask(kSize, centre_at(masks.frame), kRadius)));
  }
  static std::string refusal(const Result<FrameMasks>& result) {
    EXPECT_EQ(result.status().code(), StatusCode::BadPrompt);
    return result.status().message();
  }
};

TEST_F(FlowSession, FollowsADrawnMaskForward) {
  VideoSession video = session();
  ASSERT_TRUE(video.prompt(0, 5, drawn(0)).ok());
  EXPECT_EQ(video.first_prompted_frame(), 0);
  for (int frame = 0; frame < 12; ++frame) {
    const auto masks = video.track(frame);
    ASSERT_TRUE(masks.ok()) << masks.status().message();
    EXPECT_EQ(masks->frame, frame);
    EXPECT_EQ(masks->objects.at(0).object, 5);
    EXPECT_GT(agreement(*masks), frame == 0 ? 0.999 : 0.85) << frame;
    EXPECT_GT(masks->objects[0].object_score, 0) << frame;
  }
  EXPECT_EQ(video.report().frames_tracked, 12);
  EXPECT_LT(video.report().frames_encoded, 12);
  EXPECT_GT(video.report().kept_bytes, 0U);
}

TEST_F(FlowSession, FollowsBackwardToo) {
  VideoSession video = session();
  ASSERT_TRUE(video.prompt(11, 1, drawn(11)).ok());
  for (int frame = 11; frame >= 0; --frame) {
    const auto masks = video.track(frame, TrackDirection::Backward);
    ASSERT_TRUE(masks.ok());
    EXPECT_GT(agreement(*masks), 0.85) << frame;
  }
}

TEST_F(FlowSession, ADamagedFrameIsSaidAndTrackingGoesOn) {
  VideoSession video = session({}, 12, 4);
  ASSERT_TRUE(video.prompt(0, 1, drawn(0)).ok());
  for (int frame = 0; frame < 12; ++frame) {
    const auto masks = video.track(frame);
    if (frame == 4) {
      EXPECT_EQ(masks.status().code(), StatusCode::BadPicture);
      continue;
    }
    ASSERT_TRUE(masks.ok());
    EXPECT_GT(agreement(*masks), 0.8) << frame;
  }
}

TEST_F(FlowSession, ExplicitKeyFramesAndTheIntervalAreEncoded) {
  VideoSession video = session({.keyframe_interval = 1000, .keyframes = {3, 7}});
  ASSERT_TRUE(video.prompt(0, 1, {.points = {centre_at(0)}, .labels = {1}}).ok());
  ASSERT_TRUE(video.prompt(0, 1, drawn(0)).ok());
  std::vector<int> encoded;
  for (int frame = 0; frame < 12; ++frame) {
    const auto masks = video.track(frame);
    ASSERT_TRUE(masks.ok());
    if (masks->encoded) encoded.push_back(frame);
  }
  EXPECT_THAT(encoded, ::testing::IsSupersetOf({0, 3, 7}));
  EXPECT_EQ(video.report().frames_encoded, int(encoded.size()));

  VideoSession often = session({.keyframe_interval = 1});
  ASSERT_TRUE(often.prompt(0, 1, drawn(0)).ok());
  for (int frame = 1; frame < 6; ++frame) EXPECT_TRUE(often.track(frame)->encoded);
}

TEST_F(FlowSession, AnObjectAddedLaterDoesNotChangeTheOthers) {
  VideoSession video = session();
  ASSERT_TRUE(video.prompt(0, 1, drawn(0)).ok());
  for (int frame = 0; frame < 5; ++frame) ASSERT_TRUE(video.track(frame).ok());
  const auto added = video.prompt(4, 2, {.mask = disc_mask(kSize, {150, 30}, 15)});
  ASSERT_TRUE(added.ok());
  EXPECT_THAT(video.objects(), ElementsAre(1, 2));
  ASSERT_EQ(added->objects.size(), 2U);
  EXPECT_GT(agreement(*added, 0), 0.85);
  const auto masks = video.track(5);
  ASSERT_TRUE(masks.ok());
  EXPECT_GT(agreement(*masks, 0), 0.85);
  EXPECT_GT(masks->objects[1].area, 0);
}

TEST_F(FlowSession, APromptOnALaterFrameTakesOverThere) {
  VideoSession video = session();
  ASSERT_TRUE(video.prompt(0, 1, drawn(0)).ok());
  const Bitmap other = disc_mask(kSize, {150, 90}, 12);
  const auto later = video.prompt(3, 1, {.mask = other});
  ASSERT_TRUE(later.ok());
  for (int frame = 0; frame <= 3; ++frame) {
    const auto masks = video.track(frame);
    ASSERT_TRUE(masks.ok());
    if (frame == 3) {
      EXPECT_EQ(masks->objects[0].rle, rle_encode(other));
    }
  }
  EXPECT_EQ(video.first_prompted_frame(), 0);
}

TEST_F(FlowSession, PromptsAreTakenBackAndObjectsRemoved) {
  VideoSession video = session();
  ASSERT_TRUE(video.prompt(2, 1, drawn(2)).ok());
  ASSERT_TRUE(video.prompt(2, 2, drawn(2)).ok());
  const auto cleared = video.clear_prompts(2, 1);
  ASSERT_TRUE(cleared.ok());
  EXPECT_EQ(cleared->objects.at(0).area, 0);
  EXPECT_GT(cleared->objects.at(1).area, 0);
  EXPECT_THAT(refusal(video.clear_prompts(2, 1)), HasSubstr("no prompt to take back"));
  ASSERT_TRUE(video.remove_object(1).ok());
  EXPECT_THAT(video.objects(), ElementsAre(2));
  EXPECT_THAT(refusal(video.prompt(2, 1, drawn(2))), HasSubstr("object 1 was removed"));
  EXPECT_EQ(video.remove_object(9).code(), StatusCode::BadPrompt);
  video.reset();
  EXPECT_TRUE(video.objects().empty());
  EXPECT_TRUE(video.prompt(2, 1, drawn(2)).ok());
}

TEST_F(FlowSession, PromptsThatDoNotFitAreRefusedWithFrameAndObject) {
  VideoSession video = session();
  EXPECT_THAT(refusal(video.track(0)), HasSubstr("nothing to track"));
  EXPECT_THAT(refusal(video.prompt(12, 1, drawn(0))), HasSubstr("expected 0 to 11"));
  EXPECT_THAT(refusal(video.prompt(-1, 1, drawn(0))), HasSubstr("frame -1"));
  EXPECT_THAT(refusal(video.prompt(1, 3, {})), HasSubstr("frame 1, object 3"));
  EXPECT_THAT(refusal(video.prompt(1, 3, {.points = {{999, 1}}, .labels = {1}})), HasSubstr("180 x 120"));
  EXPECT_THAT(refusal(video.prompt(1, 3, {.mask = disc_mask({10, 10}, {5, 5}, 3)})), HasSubstr("10 x 10"));
  VideoPrompt both = drawn(0);
  both.points = {{1, 1}};
  EXPECT_THAT(refusal(video.prompt(1, 3, both)), HasSubstr("stands alone"));
}

TEST_F(FlowSession, AStopEndsIt) {
  std::stop_source stop;
  VideoSession video = session({.stop = stop.get_token()});
  ASSERT_TRUE(video.prompt(0, 1, drawn(0)).ok());
  stop.request_stop();
  EXPECT_EQ(video.track(1).status().code(), StatusCode::Cancelled);
}

}  // namespace
}  // namespace facet
