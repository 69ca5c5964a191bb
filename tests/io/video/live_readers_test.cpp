#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <thread>

#include "facet/video.h"
#include "io/atomic_file.h"
#include "io/picture_writer.h"
#include "io/sample_pictures.h"
#include "io/video/natural_order.h"
#include "io/video/sample_videos.h"
#include "support/http_server.h"
#include "support/paths.h"

namespace facet {
namespace {

using ::testing::HasSubstr;
using testing::number_shown;
using testing::numbered_frame;
using testing::TemporaryFolder;

/// A pipe into which a thread writes bytes.
class Pipe {
 public:
  explicit Pipe(std::vector<std::uint8_t> bytes) {
    if (pipe(ends_.data()) != 0) throw std::runtime_error("no pipe");
    writer_ = std::thread([bytes = std::move(bytes), to = ends_[1]] {
      std::size_t done = 0;
      while (done < bytes.size()) {
        const ssize_t count = write(to, bytes.data() + done, bytes.size() - done);
        if (count <= 0) break;
        done += std::size_t(count);
      }
      close(to);
    });
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    writer_.join();
    close(ends_[0]);
  }
  [[nodiscard]] int out() const { return ends_[0]; }

 private:
  std::array<int, 2> ends_{};
  std::thread writer_;
};

std::vector<std::uint8_t> raw_frames(Size size, int count) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < count; ++i) {
    const Image image = numbered_frame(size, i);
    bytes.insert(bytes.end(), image.rgb().begin(), image.rgb().end());
  }
  return bytes;
}

TEST(RawVideo, FramesComeInOrderAndTheLastOnesAreKept) {
  const Pipe pipe(raw_frames({20, 32}, 30));
  auto opened = open_raw_video(pipe.out(), {.size = {20, 32}}, {.live_frames = 4});
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  VideoReader& reader = **opened;
  EXPECT_EQ(reader.frame_count(), std::nullopt);
  for (int frame = 0; frame < 30; ++frame) EXPECT_EQ(number_shown(**reader.read(frame)), frame);
  EXPECT_EQ(number_shown(**reader.read(27)), 27);
  const auto gone = reader.read(3);
  EXPECT_EQ(gone.status().code(), StatusCode::BadPicture);
  EXPECT_THAT(gone.status().message(), HasSubstr("frame 3 is gone"));
  EXPECT_FALSE(reader.read(30)->has_value());
  EXPECT_EQ(reader.frame_count(), 30);
}

TEST(RawVideo, AFrameThatIsCutOffIsAnErrorOfThatFrame) {
  auto bytes = raw_frames({20, 32}, 3);
  bytes.resize(bytes.size() - 100);
  const Pipe pipe(bytes);
  auto opened = open_raw_video(pipe.out(), {.size = {20, 32}});
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE((*opened)->read(1).ok());
  const auto cut = (*opened)->read(2);
  EXPECT_THAT(cut.status().message(), HasSubstr("frame 2: cut off: expected 1920 bytes, found 1820"));
  EXPECT_FALSE((*opened)->read(3)->has_value());
}

TEST(RawVideo, GreyBecomesRgb) {
  const Pipe pipe(std::vector<std::uint8_t>(6 * 8, 77));
  auto opened = open_raw_video(pipe.out(), {.size = {6, 8}, .pixels = "gray8"});
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const auto image = (*opened)->read(0);
  for (const std::uint8_t value : (*image)->rgb()) EXPECT_NEAR(value, 77, 1);
}

TEST(RawVideo, AnEmptyPipeAndWrongFormatsAreRefused) {
  const Pipe pipe({});
  EXPECT_THAT(open_raw_video(pipe.out(), {.size = {6, 8}}).status().message(), HasSubstr("without a frame"));
  EXPECT_EQ(open_raw_video(0, {.size = {6, 8}, .pixels = "rgb"}).status().code(), StatusCode::Usage);
  EXPECT_EQ(open_raw_video(0, {.size = {0, 8}}).status().code(), StatusCode::Usage);
  EXPECT_EQ(open_raw_video(0, {.size = {1 << 30, 1 << 30}}).status().code(), StatusCode::Usage);
}

TEST(RawVideo, AStopEndsTheWaiting) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  std::stop_source stop;
  stop.request_stop();
  const auto opened = open_raw_video(ends[0], {.size = {6, 8}}, {.stop = stop.get_token()});
  EXPECT_EQ(opened.status().code(), StatusCode::Cancelled);
  close(ends[0]);
  close(ends[1]);
}

TEST(NaturalOrder, CountsRunsOfDigits) {
  EXPECT_TRUE(io::natural_less("frame2.png", "frame10.png"));
  EXPECT_FALSE(io::natural_less("frame10.png", "frame2.png"));
  EXPECT_TRUE(io::natural_less("2", "02"));
  EXPECT_TRUE(io::natural_less("a9b2", "a9b10"));
  EXPECT_TRUE(io::natural_less("a", "ab"));
  EXPECT_FALSE(io::natural_less("a", "a"));
  EXPECT_TRUE(io::natural_less("9", "99999999999999999999999"));
}

class PictureFolder : public ::testing::Test {
 protected:
  void put(const std::string& name, const Image& image) {
    ASSERT_TRUE(io::write_file(folder_ / name, *io::encode_png(image)).ok());
  }
  TemporaryFolder folder_;
};

TEST_F(PictureFolder, IsReadInNaturalOrder) {
  const Size size{20, 32};
  put("f10.png", numbered_frame(size, 2));
  put("f2.PNG", numbered_frame(size, 1));
  put("f1.png", numbered_frame(size, 0));
  put(".hidden.png", numbered_frame(size, 9));
  ASSERT_TRUE(io::write_file(folder_ / "notes.txt", std::string_view("no picture")).ok());
  auto opened = open_video(folder_.path().string());
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ((*opened)->frame_count(), 3);
  for (int frame = 0; frame < 3; ++frame) EXPECT_EQ(number_shown(**(*opened)->read(frame)), frame);
  EXPECT_EQ(number_shown(**(*opened)->read(0)), 0);
  EXPECT_FALSE((*opened)->read(3)->has_value());
}

TEST_F(PictureFolder, ADamagedPictureOrOneOfAnotherSizeIsAnErrorOfItsFrame) {
  put("0.png", numbered_frame({20, 32}, 0));
  put("1.png", numbered_frame({20, 40}, 1));
  ASSERT_TRUE(io::write_file(folder_ / "2.png", std::string_view("no picture")).ok());
  put("3.png", numbered_frame({20, 32}, 3));
  auto opened = open_video(folder_.path().string());
  ASSERT_TRUE(opened.ok());
  const auto other = (*opened)->read(1);
  EXPECT_THAT(other.status().message(), HasSubstr("40 x 20 pixels"));
  EXPECT_THAT(other.status().message(), HasSubstr("frame 1"));
  EXPECT_THAT((*opened)->read(2).status().message(), HasSubstr("frame 2"));
  EXPECT_EQ(number_shown(**(*opened)->read(3)), 3);
}

TEST_F(PictureFolder, WithoutPicturesIsRefused) {
  const auto opened = open_video(folder_.path().string());
  EXPECT_EQ(opened.status().code(), StatusCode::BadPicture);
  EXPECT_THAT(opened.status().message(), HasSubstr("found none"));
}

TEST(VideoStream, IsReadFrameByFrameFromAServer) {
  const TemporaryFolder folder;
  testing::write_video(folder / "clip", {.container = "matroska", .frames = 20});
  const testing::Bytes bytes = testing::file_bytes(folder / "clip");
  const testing::HttpServer server(std::string(bytes.begin(), bytes.end()));
  auto opened = open_video(server.url("/file"), {.live_frames = 3, .network = true});
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  VideoReader& reader = **opened;
  EXPECT_EQ(reader.frame_count(), std::nullopt);
  for (int frame = 0; frame < 20; ++frame) {
    const auto image = reader.read(frame);
    ASSERT_TRUE(image.ok() && *image) << frame;
    EXPECT_EQ(number_shown(**image), frame);
  }
  EXPECT_FALSE(reader.read(20)->has_value());
  EXPECT_EQ(reader.read(2).status().code(), StatusCode::BadPicture);
}

TEST(VideoStream, AServerThatHasNothingIsRefused) {
  const testing::HttpServer server("no video");
  EXPECT_EQ(open_video(server.url("/missing"), {.network = true}).status().code(), StatusCode::BadPicture);
  EXPECT_EQ(open_video(server.url("/file"), {.network = true}).status().code(), StatusCode::BadPicture);
}

}  // namespace
}  // namespace facet
