#include "segment/video/tracked_object.h"

#include <gtest/gtest.h>

namespace facet::segment {
namespace {

FrameOutput output_of(std::int64_t floats) {
  FrameOutput output;
  output.logits = Tensor::zeros({floats});
  return output;
}

TEST(ClosestPromptedFrames, TakesAllWithoutALimit) {
  FrameOutputs prompted;
  for (const int frame : {0, 5, 9}) prompted[frame] = output_of(1);
  EXPECT_EQ(closest_prompted_frames(prompted, 3, 0), (std::vector<int>{0, 5, 9}));
}

TEST(ClosestPromptedFrames, TakesTheNeighboursThenTheNearest) {
  FrameOutputs prompted;
  for (const int frame : {0, 8, 9, 30}) prompted[frame] = output_of(1);
  EXPECT_EQ(closest_prompted_frames(prompted, 10, 2), (std::vector<int>{9, 30}));
  EXPECT_EQ(closest_prompted_frames(prompted, 10, 3), (std::vector<int>{9, 30, 8}));
}

TEST(ForgetFarFrames, KeepsTheBudgetAndWhatCanBeAttendedTo) {
  std::vector<TrackedObject> objects(2);
  for (int frame = 0; frame < 100; ++frame) objects[0].tracked[frame] = output_of(1000);
  for (int frame = 90; frame < 100; ++frame) objects[1].tracked[frame] = output_of(1000);
  objects[0].prompted[0] = output_of(1000);
  forget_far_frames(objects, 99, 50 * 4000);
  EXPECT_LE(objects[0].bytes() + objects[1].bytes(), 50U * 4000);
  EXPECT_FALSE(objects[0].tracked.contains(0));
  EXPECT_TRUE(objects[0].tracked.contains(99));
  EXPECT_EQ(objects[1].tracked.size(), 10U);
  forget_far_frames(objects, 99, 0);
  EXPECT_EQ(objects[0].tracked.begin()->first, 99 - 16);
  for (const auto& [frame, output] : objects[0].tracked) {
    EXPECT_EQ(output.is_pointer_only(), frame < 99 - 6) << frame;
    EXPECT_EQ(objects[0].find(frame) == nullptr, output.is_pointer_only()) << frame;
  }
  EXPECT_EQ(objects[0].prompted.size(), 1U);
}

TEST(TrackedObjectTest, FindsTheNewestOutput) {
  TrackedObject object;
  object.tracked[4] = output_of(1);
  object.new_tracked[4] = output_of(2);
  EXPECT_EQ(object.find(4)->logits.shape()[0], 2);
  EXPECT_EQ(object.find(5), nullptr);
}

}  // namespace
}  // namespace facet::segment
