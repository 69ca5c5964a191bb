#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "facet/video.h"
#include "io/sample_pictures.h"
#include "io/video/sample_videos.h"
#include "support/paths.h"

namespace facet {
namespace {

using ::testing::HasSubstr;
using testing::number_shown;
using testing::TemporaryFolder;
using testing::VideoRecipe;
using testing::write_video;

std::unique_ptr<VideoReader> opened(const std::filesystem::path& path, const VideoReadOptions& options = {}) {
  auto reader = open_video(path.string(), options);
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  return reader.ok() ? std::move(*reader) : nullptr;
}

int shown_at(VideoReader& reader, int frame) {
  const auto image = reader.read(frame);
  if (!image.ok() || !*image) return -1;
  return number_shown(**image);
}

void write_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

struct Container {
  const char* name;
  const char* container;
  const char* encoder;
  int b_frames;
};

class VideoContainers : public ::testing::TestWithParam<Container> {
 protected:
  VideoContainers() {
    VideoRecipe recipe;
    recipe.container = GetParam().container;
    recipe.encoder = GetParam().encoder;
    recipe.b_frames = GetParam().b_frames;
    recipe.frames = 23;
    recipe.size = {64, 96};
    write_video(path_, recipe);
  }
  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "clip.video";  // recognised by content
};

TEST_P(VideoContainers, EveryFrameIsFoundByItsNumberInAnyOrder) {
  const auto reader = opened(path_);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->frame_count(), 23);
  EXPECT_EQ(reader->size(), (Size{64, 96}));
  EXPECT_TRUE(reader->info().damage.empty()) << reader->info().damage;
  for (int frame = 0; frame < 23; ++frame) EXPECT_EQ(shown_at(*reader, frame), frame);
  for (int frame = 22; frame >= 0; --frame) EXPECT_EQ(shown_at(*reader, frame), frame);
  for (const int frame : {17, 3, 22, 0, 9, 9, 10, 4, 21}) EXPECT_EQ(shown_at(*reader, frame), frame);
}

TEST_P(VideoContainers, ASmallCacheChangesNothing) {
  const auto reader = opened(path_, {.cache_bytes = 1});
  ASSERT_NE(reader, nullptr);
  for (int frame = 22; frame >= 0; --frame) EXPECT_EQ(shown_at(*reader, frame), frame);
}

TEST_P(VideoContainers, PastTheEndThereIsNothing) {
  const auto reader = opened(path_);
  ASSERT_NE(reader, nullptr);
  const auto past = reader->read(23);
  ASSERT_TRUE(past.ok());
  EXPECT_FALSE(past->has_value());
  EXPECT_EQ(reader->read(-1).status().code(), StatusCode::BadPicture);
}

TEST_P(VideoContainers, TimesGrowByAFrame) {
  const auto reader = opened(path_);
  ASSERT_NE(reader, nullptr);
  const Rational unit = reader->info().time_base;
  const double first = double(reader->timestamp(0));
  for (int frame = 1; frame < 23; ++frame) {
    const double seconds = (double(reader->timestamp(frame)) - first) * unit.num / unit.den;
    EXPECT_NEAR(seconds, frame / 25.0, 0.002) << frame;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, VideoContainers,
                         ::testing::Values(Container{"Mp4H264", "mp4", "libx264", 0},
                                           Container{"Mp4H264WithBFrames", "mp4", "libx264", 2},
                                           Container{"MovMpeg4", "mov", "mpeg4", 0},
                                           Container{"MkvH264WithBFrames", "matroska", "libx264", 2},
                                           Container{"WebmVp9", "webm", "libvpx-vp9", 0},
                                           Container{"AviMpeg4", "avi", "mpeg4", 0},
                                           Container{"AviMjpeg", "avi", "mjpeg", 0}),
                         [](const auto& test) { return test.param.name; });

class VideoFile : public ::testing::Test {
 protected:
  /// The message that opening the file ends with.
  std::string refusal(const std::filesystem::path& path, const VideoReadOptions& options = {}) {
    const auto reader = open_video(path.string(), options);
    if (reader.ok()) return "it was opened";
    EXPECT_EQ(reader.status().code(), StatusCode::BadPicture);
    EXPECT_THAT(reader.status().message(), HasSubstr(path.filename().string()));
    return reader.status().message();
  }
  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "clip";
};

TEST_F(VideoFile, IsTurnedAsItAsksFor) {
  write_video(path_, {.rotation = 90});
  const auto upright = opened(path_);
  ASSERT_NE(upright, nullptr);
  EXPECT_EQ(upright->size(), (Size{64, 48}));
  const auto image = upright->read(5);
  ASSERT_TRUE(image.ok() && *image);
  EXPECT_EQ((*image)->size(), (Size{64, 48}));
  // av_display_rotation_set turns clockwise, so that bit 0, stored on the left, is now at the top.
  EXPECT_GT((*image)->pixel(4, 24)[0], 125);  // 5 = bits 0 and 2
  EXPECT_LT((*image)->pixel(12, 24)[0], 125);
  EXPECT_GT((*image)->pixel(20, 24)[0], 125);
}

TEST_F(VideoFile, OddSidesAndUnevenTimesStayAsTheyAre) {
  write_video(
      path_,
      {.container = "matroska", .encoder = "mjpeg", .size = {47, 65}, .frames = 4, .times = {0, 1, 10, 11}});
  const auto reader = opened(path_);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->size(), (Size{47, 65}));
  EXPECT_EQ(shown_at(*reader, 2), 2);
  const Rational unit = reader->info().time_base;
  const double gap = double(reader->timestamp(2) - reader->timestamp(1)) * unit.num / unit.den;
  EXPECT_NEAR(gap, 9 / 25.0, 0.002);
}

TEST_F(VideoFile, AFrameOfAnotherSizeIsReportedAndTheOthersAreRead) {
  write_video(path_, {.container = "avi", .encoder = "mjpeg", .other_size_at = 4});
  const auto reader = opened(path_);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->frame_count(), 12);
  const auto other = reader->read(4);
  EXPECT_EQ(other.status().code(), StatusCode::BadPicture);
  EXPECT_THAT(other.status().message(), HasSubstr("frame 4"));
  EXPECT_THAT(other.status().message(), HasSubstr("64 x 24 pixels"));
  EXPECT_THAT(other.status().message(), HasSubstr("64 x 48 pixels"));
  for (const int frame : {3, 5, 11}) EXPECT_EQ(shown_at(*reader, frame), frame);
}

TEST_F(VideoFile, ADamagedFrameIsReportedByItsNumberAndTheOthersAreRead) {
  write_video(path_, {.container = "avi", .encoder = "mjpeg", .size = {480, 640}});
  testing::Bytes bytes = testing::file_bytes(path_);
  // The sixth JPEG picture loses its header.
  std::size_t at = 0;
  const std::uint8_t start[] = {0xFF, 0xD8, 0xFF};
  for (int i = 0; i < 6; ++i) {
    at = std::size_t(std::search(bytes.begin() + std::ptrdiff_t(at) + 1, bytes.end(), start, start + 3) -
                     bytes.begin());
  }
  ASSERT_LT(at + 700, bytes.size());
  std::fill_n(bytes.begin() + std::ptrdiff_t(at), 700, std::uint8_t{0});
  write_bytes(path_, bytes);
  const auto reader = opened(path_);
  ASSERT_NE(reader, nullptr);
  const auto damaged = reader->read(5);
  EXPECT_EQ(damaged.status().code(), StatusCode::BadPicture);
  EXPECT_THAT(damaged.status().message(), HasSubstr("frame 5"));
  for (const int frame : {4, 6, 11, 0}) EXPECT_EQ(shown_at(*reader, frame), frame);
}

TEST_F(VideoFile, OfATruncatedFileTheStartIsReadAndItIsSaid) {
  for (const char* container : {"avi", "matroska"}) {
    SCOPED_TRACE(container);
    write_video(path_, {.container = container, .encoder = "mjpeg", .size = {96, 128}, .frames = 50});
    testing::Bytes bytes = testing::file_bytes(path_);
    bytes.resize(bytes.size() / 2);
    write_bytes(path_, bytes);
    const auto reader = opened(path_);
    ASSERT_NE(reader, nullptr);
    EXPECT_GT(reader->frame_count(), 10);
    EXPECT_LT(reader->frame_count(), 40);
    EXPECT_THAT(reader->info().damage, HasSubstr("cut off"));
    EXPECT_EQ(shown_at(*reader, 7), 7);
  }
}

TEST_F(VideoFile, WithoutAVideoStreamItIsRefused) {
  write_video(path_, {.container = "matroska", .sound_only = true});
  EXPECT_THAT(refusal(path_), HasSubstr("expected a video stream, found 1 audio"));
}

TEST_F(VideoFile, WithoutAFrameItIsRefused) {
  for (const char* container : {"avi", "matroska"}) {
    SCOPED_TRACE(container);
    write_video(path_, {.container = container, .encoder = "mjpeg", .frames = 0});
    EXPECT_THAT(refusal(path_), HasSubstr("no frame"));
  }
}

TEST_F(VideoFile, OtherFilesAreRefused) {
  write_bytes(path_, {});
  refusal(path_);
  const std::string text = "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/other.ts\n";
  write_bytes(path_, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  EXPECT_THAT(refusal(path_), HasSubstr("cannot be opened as a video"));
  EXPECT_THAT(refusal(folder_ / "missing"), HasSubstr("No such file"));
}

TEST_F(VideoFile, BeyondTheLimitItIsRefusedBeforeItIsDecoded) {
  write_video(path_, {});
  EXPECT_THAT(refusal(path_, {.max_pixels = 1000}), HasSubstr("at most 1000"));
}

TEST_F(VideoFile, AnAddressNeedsToBeAllowed) {
  const auto reader = open_video("http://127.0.0.1:1/clip.mp4");
  EXPECT_EQ(reader.status().code(), StatusCode::Usage);
}

// Whatever the bytes, the reader ends with frames or with a reason.
TEST_F(VideoFile, DamageAnywhereIsSurvived) {
  for (const char* container : {"mp4", "matroska", "avi"}) {
    SCOPED_TRACE(container);
    write_video(path_, {.container = container, .size = {32, 32}, .frames = 6});
    const testing::Bytes whole = testing::file_bytes(path_);
    std::uint32_t random = 1;
    for (std::size_t i = 0; i < 60; ++i) {
      testing::Bytes bytes = whole;
      if (i % 2 == 0) bytes.resize(whole.size() * i / 60);
      for (int change = 0; change < int(i % 8) && !bytes.empty(); ++change) {
        random = random * 1664525 + 1013904223;
        bytes[random % bytes.size()] ^= std::uint8_t(1U << (random >> 29));
      }
      write_bytes(path_, bytes);
      const auto reader = open_video(path_.string(), {.max_pixels = 1 << 16, .cache_bytes = 1 << 20});
      if (!reader.ok()) {
        EXPECT_FALSE(reader.status().message().empty());
        continue;
      }
      const int last = std::min(12, *(*reader)->frame_count() - 1);
      for (int frame = last; frame >= 0; frame -= 2) {
        const auto image = (*reader)->read(frame);
        if (image.ok()) {
          EXPECT_EQ((*image)->size(), (*reader)->size());
        }
      }
    }
  }
}

}  // namespace
}  // namespace facet
