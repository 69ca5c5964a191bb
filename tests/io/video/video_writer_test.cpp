#include "io/video/video_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>

#include "io/video/sample_videos.h"
#include "support/paths.h"

namespace facet::io {
namespace {

using testing::number_shown;
using testing::numbered_frame;
using testing::TemporaryFolder;

std::size_t files_of(const std::filesystem::path& folder) {
  return std::size_t(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(VideoWriter, WhatItWritesIsReadBack) {
  const TemporaryFolder folder;
  const Size size{48, 64};
  auto writer = VideoWriter::create(folder / "out.mp4", {.size = size, .time_base = {1, 1000}});
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  const int times[] = {0, 40, 80, 300, 340};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer->write(numbered_frame(size, i), times[i]).ok());
  EXPECT_FALSE(std::filesystem::exists(folder / "out.mp4"));
  ASSERT_TRUE(writer->finish().ok());
  EXPECT_EQ(files_of(folder.path()), 1U);
  const auto reader = open_video((folder / "out.mp4").string());
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  ASSERT_EQ((*reader)->frame_count(), 5);
  const Rational unit = (*reader)->info().time_base;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(number_shown(**(*reader)->read(i)), i);
    EXPECT_NEAR(double((*reader)->timestamp(i)) * unit.num / unit.den, times[i] / 1000.0, 0.001);
  }
}

TEST(VideoWriter, OddSidesGrowByOneRepeatedPixel) {
  const TemporaryFolder folder;
  Image image(Size{47, 65});
  for (std::uint8_t& value : image.rgb()) value = 180;
  auto writer = VideoWriter::create(folder / "out.mp4", {.size = image.size()});
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  ASSERT_TRUE(writer->write(image, 0).ok());
  ASSERT_TRUE(writer->finish().ok());
  const auto reader = open_video((folder / "out.mp4").string());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->size(), (Size{48, 66}));
  EXPECT_NEAR((**(*reader)->read(0)).pixel(47, 65)[0], 180, 6);
}

TEST(VideoWriter, WithoutFinishNothingIsLeft) {
  const TemporaryFolder folder;
  {
    auto writer = VideoWriter::create(folder / "out.mp4", {.size = {48, 64}});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->write(numbered_frame({48, 64}, 1), 0).ok());
  }
  EXPECT_EQ(files_of(folder.path()), 0U);
}

TEST(VideoWriter, WithoutAFrameThereIsNoFile) {
  const TemporaryFolder folder;
  auto writer = VideoWriter::create(folder / "out.mp4", {.size = {48, 64}});
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(writer->finish().code(), StatusCode::OutputFailed);
}

// No file of this process may grow beyond a limit while the object lives: what a full disk looks like.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(VideoWriter, OnAFullDiskTheFramesBeforeAreAWholeFile) {
  const TemporaryFolder folder;
  const Size size{240, 320};
  int written = 0;
  {
    const FullDisk disk(100000);
    auto writer = VideoWriter::create(folder / "out.mp4", {.size = size});
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    Status status;
    while (status.ok() && written < 1000) {
      Image image = numbered_frame(size, written);
      std::uint32_t random = std::uint32_t(written);
      for (std::uint8_t& value : image.rgb()) {
        random = random * 1664525 + 1013904223;
        value = std::uint8_t(value / 2 + (random >> 26));
      }
      status = writer->write(image, written);
      if (status.ok()) ++written;
    }
    EXPECT_EQ(status.code(), StatusCode::OutputFailed);
    EXPECT_FALSE(writer->write(numbered_frame(size, 0), written).ok());
    ASSERT_TRUE(writer->finish().ok());
  }
  ASSERT_GT(written, 1);
  const auto reader = open_video((folder / "out.mp4").string());
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  EXPECT_EQ((*reader)->frame_count(), written);
  EXPECT_TRUE((*reader)->info().damage.empty());
  EXPECT_TRUE((*reader)->read(written - 1).ok());
}

TEST(VideoWriter, AFolderThatIsMissingIsSaid) {
  const TemporaryFolder folder;
  const auto writer = VideoWriter::create(folder / "no" / "out.mp4", {.size = {48, 64}});
  EXPECT_EQ(writer.status().code(), StatusCode::OutputFailed);
}

}  // namespace
}  // namespace facet::io
