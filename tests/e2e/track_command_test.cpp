#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "facet/masks.h"
#include "facet/picture.h"
#include "facet/video.h"
#include "io/atomic_file.h"
#include "io/checkpoint.h"
#include "io/picture_writer.h"
#include "io/video/sample_videos.h"
#include "segment/video/video_scene.h"

namespace facet::e2e {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TemporaryFolder;

constexpr Size kSize{96, 144};

/// Runs in a folder with clip/, a folder of eight pictures, and disc.png, the disc's mask on the first one.
class TrackCommand : public ::testing::Test {
 protected:
  TrackCommand() {
    fs::create_directory(folder_ / "clip");
    for (int i = 0; i < kFrames; ++i) write_frame(i);
    const Bitmap disc = testing::disc_mask(kSize, centre_at(0), kRadius);
    EXPECT_TRUE(io::write_file(folder_ / "disc.png", *io::encode_png_bilevel(kSize, disc.bits)).ok());
  }
  static constexpr int kFrames = 8;
  static constexpr double kRadius = 20;
  static Point centre_at(int frame) { return {40 + 5.0F * float(frame), 48}; }
  void write_frame(int i) {
    const Image frame = testing::scene_frame(kSize, centre_at(i), kRadius);
    EXPECT_TRUE(io::write_file(folder_ / "clip" / (std::to_string(i) + ".png"), *io::encode_png(frame)).ok());
  }
  RunResult track(std::vector<std::string> arguments, RunOptions options = {}) {
    arguments.insert(arguments.begin(), "track");
    arguments.push_back("--model=" + tiny_model().string());
    options.folder = folder_.path();
    return run_facet(arguments, options);
  }
  static std::vector<Json> lines_of(const std::string& text) {
    std::vector<Json> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
    return lines;
  }
  static Rle mask_in(const Json& object) {
    return *rle_from_string(object["rle"]["counts"].get<std::string>(),
                            {object["rle"]["size"][0].get<int>(), object["rle"]["size"][1].get<int>()});
  }
  void expect_refused(const std::vector<std::string>& arguments, int status, const std::string& message) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    const RunResult run = track(arguments);
    EXPECT_EQ(run.status, status) << run.error;
    EXPECT_THAT(run.out, IsEmpty());
    EXPECT_THAT(run.error, HasSubstr(message));
  }
  TemporaryFolder folder_;
};

TEST_F(TrackCommand, PrintsALineAFrame) {
  const RunResult run = track({"clip", "--mask", "0:3:disc.png", "--json"});
  ASSERT_EQ(run.status, 0) << run.error;
  const auto lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 8U);
  for (int frame = 0; frame < kFrames; ++frame) {
    const Json& line = lines[std::size_t(frame)];
    EXPECT_EQ(line["frame"], frame);
    ASSERT_EQ(line["objects"].size(), 1U);
    const Json& object = line["objects"][0];
    EXPECT_EQ(object["id"], 3);
    const Rle mask = mask_in(object);
    EXPECT_EQ(object["area"], rle_area(mask));
    EXPECT_EQ(object["bbox"][0], rle_bbox(mask).x);
    EXPECT_TRUE(object["score"].is_number() && object["object_score"].is_number());
    EXPECT_GT(rle_iou(mask, rle_encode(testing::disc_mask(kSize, centre_at(frame), kRadius))), 0.8) << frame;
  }
  EXPECT_THAT(run.error, HasSubstr("8 frames tracked"));
  EXPECT_THAT(run.error, HasSubstr("encoded ("));
  EXPECT_THAT(files_under(folder_ / "facet-out"), IsEmpty());
}

TEST_F(TrackCommand, WritesLinesLabelPicturesAndAnOverlay) {
  const RunResult run =
      track({"clip", "--mask", "0:3:disc.png", "-o", "out", "--overlay", "seen.mp4", "--frames", "0:4"});
  ASSERT_EQ(run.status, 0) << run.error;
  const auto files = files_under(folder_ / "out");
  EXPECT_THAT(files, Contains("clip.jsonl"));
  EXPECT_THAT(files, Contains("clip_labels/000000.png"));
  EXPECT_THAT(files, Contains("clip_labels/000004.png"));
  EXPECT_THAT(files, Not(Contains("clip_labels/000005.png")));
  const auto lines = lines_of(read_file(folder_ / "out" / "clip.jsonl"));
  ASSERT_EQ(lines.size(), 5U);
  const auto labels = read_picture(folder_ / "out" / "clip_labels" / "000002.png");
  ASSERT_TRUE(labels.ok());
  const Bitmap mask = rle_decode(mask_in(lines[2]["objects"][0]));
  for (std::size_t i = 0; i < mask.bits.size(); ++i) {
    const bool coloured =
        labels->image.rgb()[3 * i] + labels->image.rgb()[3 * i + 1] + labels->image.rgb()[3 * i + 2] > 0;
    ASSERT_EQ(coloured, mask.bits[i] != 0) << i;
  }
  const auto overlay = open_video((folder_ / "seen.mp4").string());
  ASSERT_TRUE(overlay.ok()) << overlay.status().message();
  EXPECT_EQ((*overlay)->frame_count(), 5);
  EXPECT_EQ((*overlay)->size(), kSize);
  EXPECT_THAT(run.out, HasSubstr("seen.mp4"));
}

TEST_F(TrackCommand, BothWaysFillsTheFramesBeforeThePrompt) {
  const RunResult run = track({"clip", "--point", "4:1:60,48", "--both", "-o", "out", "--overlay", "seen.mp4",
                               "--save-tensors", "t.safetensors", "--stride", "8"});
  ASSERT_EQ(run.status, 0) << run.error;
  std::vector<int> frames;
  for (const Json& line : lines_of(read_file(folder_ / "out" / "clip.jsonl")))
    frames.push_back(line["frame"]);
  EXPECT_THAT(frames, ::testing::ElementsAre(4, 5, 6, 7, 3, 2, 1, 0));
  EXPECT_EQ((*open_video((folder_ / "seen.mp4").string()))->frame_count(), 8);
  const auto tensors = io::Checkpoint::open(folder_ / "t.safetensors");
  ASSERT_TRUE(tensors.ok());
  EXPECT_EQ(tensors->shape("step0_logits"), Shape({1, 12, 18}));
  EXPECT_EQ(tensors->shape("frame4_logits"), Shape({1, 12, 18}));
  EXPECT_EQ(tensors->shape("frame3_logits"), std::nullopt);
  for (int frame = 0; frame < kFrames; ++frame) {
    EXPECT_TRUE(tensors->shape("reverse" + std::to_string(frame) + "_logits")) << frame;
  }
}

TEST_F(TrackCommand, StepsAreAppliedInOrderAndUnseenObjectsAreFarBelowZero) {
  write_file(folder_ / "steps.json",
             R"([{"frame": 0, "obj": 1, "mask": "disc.png", "object_ids": [1], "areas": [9]},
                 {"frame": 2, "obj": 2, "box": [60, 30, 90, 70]},
                 {"frame": 0, "obj": 1, "points": [[40, 48], [100, 80]], "labels": [1, 0]}])");
  const RunResult run = track(
      {"clip", "--prompts", "steps.json", "--json", "--save-tensors", "t.safetensors", "--stride", "5"});
  ASSERT_EQ(run.status, 0) << run.error;
  const auto tensors = io::Checkpoint::open(folder_ / "t.safetensors");
  ASSERT_TRUE(tensors.ok());
  EXPECT_EQ(tensors->shape("step0_logits"), Shape({1, 20, 29}));
  EXPECT_EQ(tensors->shape("step1_logits"), Shape({2, 20, 29}));
  EXPECT_EQ(tensors->shape("frame7_logits"), Shape({2, 20, 29}));
  const Tensor first = *tensors->read_float32("frame0_logits");
  EXPECT_EQ(first.data<float>()[20 * 29], -1024.0F);  // object 2 comes later
  EXPECT_NE(first.data<float>()[0], -1024.0F);
}

TEST_F(TrackCommand, GoesOnWhereAnInterruptedRunStopped) {
  const std::vector<std::string> arguments = {"clip", "--mask",    "0:1:disc.png", "-o",
                                              "out",  "--overlay", "seen.mp4"};
  ASSERT_EQ(track(arguments).status, 0);
  const std::string whole = read_file(folder_ / "out" / "clip.jsonl");
  std::size_t end = 0;
  for (int i = 0; i < 4; ++i) end = whole.find('\n', end) + 1;
  // As a machine that lost its power leaves it: three good frames, one without its label picture, half a
  // line.
  write_file(folder_ / "out" / "clip.jsonl", whole.substr(0, end + 30));
  fs::remove(folder_ / "out" / "clip_labels" / "000003.png");
  fs::remove(folder_ / "out" / "clip_labels" / "000007.png");
  std::vector<std::string> again = arguments;
  again.push_back("--resume");
  const RunResult run = track(again);
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.out, HasSubstr("3 from the run before"));
  const std::string resumed = read_file(folder_ / "out" / "clip.jsonl");
  const auto lines = lines_of(resumed);
  ASSERT_EQ(lines.size(), 8U);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(lines[std::size_t(i)]["frame"], i);
  EXPECT_EQ(resumed.substr(0, whole.find('\n')), whole.substr(0, whole.find('\n')));
  EXPECT_TRUE(fs::exists(folder_ / "out" / "clip_labels" / "000007.png"));
  EXPECT_EQ((*open_video((folder_ / "seen.mp4").string()))->frame_count(), 8);
  again[2] = "1:1:disc.png";
  const RunResult other = track(again);
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.error, HasSubstr("another run"));
}

TEST_F(TrackCommand, RawFramesComeThroughAPipe) {
  std::string bytes;
  for (int i = 0; i < kFrames; ++i) {
    const Image frame = testing::scene_frame(kSize, centre_at(i), kRadius);
    bytes.append(frame.rgb().begin(), frame.rgb().end());
  }
  write_file(folder_ / "raw", bytes);
  const RunResult run =
      track({"-", "--raw", "144x96:rgb24", "--mask", "0:1:disc.png", "--json"}, {.input = folder_ / "raw"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_EQ(lines_of(run.out).size(), 8U);
}

TEST_F(TrackCommand, ADamagedFrameIsReportedAndSkipped) {
  write_file(folder_ / "clip" / "3.png", "no picture");
  const RunResult run = track({"clip", "--mask", "0:1:disc.png", "--json"});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.error, HasSubstr("frame 3"));
  const auto lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_THAT(lines[3]["error"]["message"].get<std::string>(), HasSubstr("3.png"));
  EXPECT_GT(lines[7]["objects"][0]["area"], 500);
}

TEST_F(TrackCommand, AFrameOfAnotherSizeIsReportedAndSkipped) {
  const Image other = testing::scene_frame({90, 144}, centre_at(4), kRadius);
  ASSERT_TRUE(io::write_file(folder_ / "clip" / "4.png", *io::encode_png(other)).ok());
  const RunResult run = track({"clip", "--mask", "0:1:disc.png", "--json"});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.error, HasSubstr("144 x 90 pixels"));
  EXPECT_THAT(run.error, HasSubstr("1 frame is damaged; what was readable was tracked"));
  const auto lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_TRUE(lines[4].contains("error"));
  EXPECT_GT(lines[7]["objects"][0]["area"], 500);
}

TEST_F(TrackCommand, OfATruncatedFileTheReadablePartIsTracked) {
  testing::write_video(folder_ / "clip.avi",
                       {.container = "avi", .encoder = "mjpeg", .size = {240, 320}, .frames = 20});
  std::string bytes = read_file(folder_ / "clip.avi");
  write_file(folder_ / "clip.avi", bytes.substr(0, bytes.size() * 2 / 3));
  const RunResult run = track({"clip.avi", "--box", "0:1:10,10,60,60", "--json"});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.error, HasSubstr("cut off"));
  EXPECT_THAT(run.error, HasSubstr("what was readable was tracked"));
  EXPECT_GT(lines_of(run.out).size(), 3U);
}

TEST_F(TrackCommand, AFullDiskLeavesWholeFilesForTheFramesDone) {
  const RunResult run = track({"clip", "--mask", "0:1:disc.png", "-o", "out"}, {.max_file_bytes = 1200});
  EXPECT_EQ(run.status, 5) << run.error;
  const std::string text = read_file(folder_ / "out" / "clip.jsonl");
  EXPECT_TRUE(text.empty() || text.back() == '\n');
  EXPECT_LT(lines_of(text).size(), 8U);
  for (const std::string& name : files_under(folder_ / "out")) EXPECT_THAT(name, Not(HasSubstr("partial")));
}

TEST_F(TrackCommand, CtrlCLeavesWholeFilesForTheFramesDone) {
  RunOptions options;
  options.interrupt_when = [this] { return fs::exists(folder_ / "out" / "clip_labels" / "000001.png"); };
  const RunResult run = track(
      {"clip", "--mask", "0:1:disc.png", "-o", "out", "--overlay", "seen.mp4", "--keyframe-interval", "1"},
      options);
  EXPECT_EQ(run.status, 130);
  const auto lines = lines_of(read_file(folder_ / "out" / "clip.jsonl"));
  ASSERT_GE(lines.size(), 1U);
  const auto overlay = open_video((folder_ / "seen.mp4").string());
  ASSERT_TRUE(overlay.ok()) << overlay.status().message();
  EXPECT_TRUE((*overlay)->info().damage.empty());
  EXPECT_NEAR(*(*overlay)->frame_count(), double(lines.size()), 1);
}

TEST_F(TrackCommand, BadInputIsRefusedWithItsReason) {
  write_mask(folder_ / "other_size.png", {96, 145});
  write_file(folder_ / "steps.json", R"([{"frame": 0, "points": [[1, 1]]}])");
  write_file(folder_ / "text.mp4", "no video");
  fs::create_directory(folder_ / "empty");
  testing::write_video(folder_ / "sound.mkv", {.container = "matroska", .sound_only = true});
  testing::write_video(folder_ / "none.avi", {.container = "avi", .encoder = "mjpeg", .frames = 0});
  const std::string point = "0:1:40,48";
  expect_refused({"clip"}, 3, "no prompt");
  expect_refused({"clip", "--point", "8:1:40,48"}, 3, "has frames 0 to 7");
  expect_refused({"clip", "--point", "0:1:400,48"}, 3, "144 x 96 pixels");
  expect_refused({"clip", "--point", "0:1"}, 2, "FRAME:OBJ:X,Y");
  expect_refused({"clip", "--point", "0:0:40,48"}, 3, "from 1 to 65535");
  expect_refused({"clip", "--point", "0:1:40,48,3"}, 3, "expected label 1");
  expect_refused({"clip", "--mask", "0:1:other_size.png"}, 3, "145 x 96 pixels");
  expect_refused({"clip", "--mask", "0:1:missing.png"}, 3, "missing.png");
  expect_refused({"clip", "--prompts", "steps.json"}, 3, "step 0: obj: expected a whole number");
  expect_refused({"clip", "--prompts", "steps.json", "--point", point}, 2, "cannot be combined");
  expect_refused({"clip", "--point", point, "--frames", "3:1"}, 2, "--frames '3:1'");
  expect_refused({"clip", "--point", point, "--frames", "9:"}, 2, "frames 0 to 7");
  expect_refused({"clip", "--point", point, "--frames", "2:"}, 3, "outside --frames 2:");
  expect_refused({"clip", "--point", point, "--keyframes", "8"}, 2, "no such frame");
  expect_refused({"clip", "--point", point, "--resume"}, 2, "-o");
  expect_refused({"clip", "--point", point, "--resume", "-o", "new"}, 2, "no run to go on with");
  expect_refused({"clip", "--point", point, "--memory-mb", "0"}, 2, "--memory-mb");
  expect_refused({"-", "--point", point}, 2, "--raw");
  expect_refused({"-", "--raw", "10", "--point", point}, 2, "WIDTHxHEIGHT");
  expect_refused({"-", "--raw", "10x10", "--point", point}, 3, "without a frame");
  expect_refused({"missing.mp4", "--point", point}, 3, "missing.mp4");
  expect_refused({"text.mp4", "--point", point}, 3, "cannot be opened as a video");
  expect_refused({"sound.mkv", "--point", point}, 3, "expected a video stream");
  expect_refused({"none.avi", "--point", point}, 3, "no frame");
  expect_refused({"empty", "--point", point}, 3, "found none");
  expect_refused({"http://127.0.0.1:9/x", "--point", point}, 2, "--network allows it");
  expect_refused({"clip", "--point", point, "--overlay", "no/seen.mp4"}, 5, "no/seen.mp4");
}

}  // namespace
}  // namespace facet::e2e
