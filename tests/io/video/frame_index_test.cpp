#include "io/video/frame_index.h"

#include <gtest/gtest.h>

namespace facet::io {
namespace {

TEST(FrameIndex, NumbersFramesInTheOrderShown) {
  const FrameIndex index({{0, true}, {30, false}, {10, false}, {20, false}, {40, true}, {50, false}});
  EXPECT_EQ(index.frame_count(), 6);
  EXPECT_TRUE(index.is_exact());
  EXPECT_EQ(index.frame_at(30), 3);
  EXPECT_EQ(index.frame_at(35), std::nullopt);
  EXPECT_EQ(index.pts_of(4), 40);
  EXPECT_EQ(index.key_frame_before(3), 0);
  EXPECT_EQ(index.key_frame_before(4), 4);
  EXPECT_EQ(index.key_frame_before(5), 4);
}

TEST(FrameIndex, LeavesOutWhatIsNotShown) {
  const FrameIndex index({{-10, true, false}, {0, false}, {10, true}});
  EXPECT_EQ(index.frame_count(), 2);
  EXPECT_EQ(index.frame_at(-10), std::nullopt);
  EXPECT_EQ(index.key_frame_before(0), std::nullopt);
}

TEST(FrameIndex, OnlyCountsWhereTimesAreMissingOrTwice) {
  EXPECT_FALSE(FrameIndex({{0, true}, {std::nullopt, false}}).is_exact());
  EXPECT_FALSE(FrameIndex({{5, true}, {5, false}}).is_exact());
  EXPECT_EQ(FrameIndex({{5, true}, {5, false}}).frame_count(), 2);
}

}  // namespace
}  // namespace facet::io
