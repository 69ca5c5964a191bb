#include "segment/video/memory_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/sam_model.h"
#include "support/paths.h"
#include "support/synthetic_weights.h"
#include "support/tensors.h"

namespace facet::segment {
namespace {

constexpr Size kVideoSize{48, 64};
constexpr int kFrames = 6;
constexpr int kDamagedFrame = 2;

// A square that moves to the right; one frame cannot be read.
class MovingSquare : public FrameReader {
 public:
  [[nodiscard]] Size size() const override { return kVideoSize; }
  [[nodiscard]] std::optional<int> frame_count() const override { return kFrames; }
  [[nodiscard]] Result<std::optional<Image>> read(int frame) override {
    if (frame >= kFrames) return std::optional<Image>();
    if (frame == kDamagedFrame) return Status(StatusCode::BadPicture, "frame 2 is damaged");
    Image image(kVideoSize);
    for (int y = 10; y < 30; ++y) {
      for (int x = 10 + 3 * frame; x < 30 + 3 * frame; ++x) std::ranges::fill(image.pixel(y, x), 200);
    }
    return std::optional<Image>(std::move(image));
  }
};

VideoPrompt click(float x, float y) { return {.points = {{x, y}}, .labels = {1}}; }

class MemoryTrackerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::SyntheticWeights weights(testing::source_path("tests/e2e/data/sam2_tiny_shapes.json"), 1);
    model_ = models::build_model(weights, ops::cpu_kernels(), {.image_size = 256}).value();
  }
  static void TearDownTestSuite() { model_.reset(); }
  static std::unique_ptr<Tracker> make(VideoOptions options = {}) {
    return make_memory_tracker(model_, std::make_shared<MovingSquare>(), std::move(options));
  }
  static inline ModelPtr model_;
};

TEST_F(MemoryTrackerTest, NeedsAPromptBeforeItTracks) {
  const auto masks = make()->track(0, TrackDirection::Forward);
  EXPECT_EQ(masks.status().code(), StatusCode::BadPrompt);
  EXPECT_NE(masks.status().message().find("prompt"), std::string::npos);
}

TEST_F(MemoryTrackerTest, ADamagedFrameIsReportedAndTrackingGoesOn) {
  const auto tracker = make();
  ASSERT_TRUE(tracker->prompt(1, 7, click(20, 20)).ok());
  ASSERT_TRUE(tracker->track(1, TrackDirection::Forward).ok());
  const auto damaged = tracker->track(kDamagedFrame, TrackDirection::Forward);
  EXPECT_EQ(damaged.status().code(), StatusCode::BadPicture);
  const auto next = tracker->track(3, TrackDirection::Forward);
  ASSERT_TRUE(next.ok()) << next.status().message();
  EXPECT_EQ(next->objects[0].object, 7);
  EXPECT_EQ(tracker->report().frames_tracked, 2);
  EXPECT_EQ(tracker->first_prompted_frame(), 1);
}

TEST_F(MemoryTrackerTest, ANewObjectDoesNotChangeTheOthers) {
  const VideoOptions options{.keep_logits = true};
  const auto alone = make(options);
  const auto joined = make(options);
  for (const auto* tracker : {&alone, &joined}) {
    ASSERT_TRUE((*tracker)->prompt(0, 1, click(20, 20)).ok());
    ASSERT_TRUE((*tracker)->track(0, TrackDirection::Forward).ok());
  }
  ASSERT_TRUE(joined->prompt(0, 2, {.box = Box{5, 5, 40, 40}}).ok());
  const auto expected = alone->track(1, TrackDirection::Forward);
  const auto found = joined->track(1, TrackDirection::Forward);
  ASSERT_TRUE(expected.ok() && found.ok());
  ASSERT_EQ(found->objects.size(), 2U);
  EXPECT_EQ(found->objects[0].rle, expected->objects[0].rle);
  EXPECT_EQ(joined->objects(), (std::vector<int>{1, 2}));
  ASSERT_TRUE(joined->remove_object(1).ok());
  EXPECT_EQ(joined->objects(), (std::vector<int>{2}));
  EXPECT_EQ(joined->remove_object(1).code(), StatusCode::BadPrompt);
}

TEST_F(MemoryTrackerTest, ObjectsTrackedTogetherAreAsEachAlone) {
  const Box boxes[] = {{5, 5, 40, 40}, {10, 10, 30, 30}, {30, 2, 60, 40}, {2, 20, 30, 46}, {20, 20, 50, 40}};
  constexpr int kObjects = 5;  // more than are decoded at once
  const VideoOptions options{.keep_logits = true};
  const auto together = make(options);
  for (int i = 0; i < kObjects; ++i) ASSERT_TRUE(together->prompt(0, i + 1, {.box = boxes[i]}).ok());
  ASSERT_TRUE(together->track(0, TrackDirection::Forward).ok());
  const auto found = together->track(1, TrackDirection::Forward);
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_EQ(found->objects.size(), std::size_t(kObjects));
  for (int i = 0; i < kObjects; ++i) {
    const auto alone = make(options);
    ASSERT_TRUE(alone->prompt(0, i + 1, {.box = boxes[i]}).ok());
    ASSERT_TRUE(alone->track(0, TrackDirection::Forward).ok());
    const auto expected = alone->track(1, TrackDirection::Forward);
    ASSERT_TRUE(expected.ok());
    EXPECT_LE(testing::relative_l2_error(found->objects[i].logits, expected->objects[0].logits), 1e-4) << i;
    EXPECT_NEAR(found->objects[i].score, expected->objects[0].score, 1e-4) << i;
  }
}

TEST_F(MemoryTrackerTest, ADrawnMaskIsTakenAsItIs) {
  Bitmap mask{kVideoSize, std::vector<std::uint8_t>(48 * 64, 0)};
  for (int y = 8; y < 32; ++y) std::fill_n(mask.bits.begin() + y * 64 + 12, 24, 1);
  const auto tracker = make();
  const auto masks = tracker->prompt(0, 1, {.mask = mask});
  ASSERT_TRUE(masks.ok()) << masks.status().message();
  EXPECT_GE(rle_iou(masks->objects[0].rle, rle_encode(mask)), 0.95);
  EXPECT_GT(masks->objects[0].object_score, 0);
  ASSERT_TRUE(tracker->track(0, TrackDirection::Forward).ok());
  EXPECT_TRUE(tracker->track(1, TrackDirection::Forward).ok());

  const Bitmap empty{kVideoSize, std::vector<std::uint8_t>(48 * 64, 0)};
  const auto nothing = tracker->prompt(3, 1, {.mask = empty});
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(nothing->objects[0].area, 0);
  EXPECT_LT(nothing->objects[0].object_score, 0);
}

TEST_F(MemoryTrackerTest, ClearingTheOnlyPromptLeavesNothingToFollow) {
  const auto tracker = make();
  ASSERT_TRUE(tracker->prompt(0, 1, click(20, 20)).ok());
  ASSERT_TRUE(tracker->clear_prompts(0, 1).ok());
  EXPECT_EQ(tracker->track(0, TrackDirection::Forward).status().code(), StatusCode::BadPrompt);
  EXPECT_EQ(tracker->clear_prompts(0, 9).status().code(), StatusCode::BadPrompt);
  tracker->reset();
  EXPECT_TRUE(tracker->objects().empty());
}

TEST_F(MemoryTrackerTest, ClicksOnATrackedFrameCorrectIt) {
  const auto tracker = make();
  ASSERT_TRUE(tracker->prompt(0, 1, click(20, 20)).ok());
  ASSERT_TRUE(tracker->track(0, TrackDirection::Forward).ok());
  const auto before = tracker->track(1, TrackDirection::Forward);
  ASSERT_TRUE(before.ok());
  const auto corrected = tracker->prompt(1, 1, {.points = {{20, 20}, {60, 44}}, .labels = {1, 0}});
  ASSERT_TRUE(corrected.ok()) << corrected.status().message();
  EXPECT_EQ(tracker->first_prompted_frame(), 0);
  EXPECT_TRUE(tracker->track(3, TrackDirection::Forward).ok());
  EXPECT_TRUE(tracker->track(0, TrackDirection::Backward).ok());
}

}  // namespace
}  // namespace facet::segment
