// SAM 2's tracking against numbers from the reference's video predictor: the logits after every prompt,
// forward and backward.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "facet/picture.h"
#include "golden/golden_devices.h"
#include "io/checkpoint.h"
#include "models/sam_model.h"
#include "segment/video/memory_tracker.h"
#include "support/paths.h"
#include "support/synthetic_weights.h"
#include "support/tensors.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::relative_l2_error;
using testing::shared_path;

constexpr double kVideoTolerance = 1e-2;  // errors feed back through the memory
constexpr double kVideoAreaTolerance = 0.002;
constexpr int kStride = 8;

class Pictures : public FrameReader {
 public:
  explicit Pictures(const json& names) {
    for (const json& name : names) {
      frames_.push_back(read_picture(shared_path("goldens/images/clip/" + name.get<std::string>()))->image);
    }
  }
  [[nodiscard]] Size size() const override { return frames_[0].size(); }
  [[nodiscard]] std::optional<int> frame_count() const override { return int(frames_.size()); }
  [[nodiscard]] Result<std::optional<Image>> read(int frame) override {
    if (frame >= int(frames_.size())) return std::optional<Image>();
    return std::optional<Image>(frames_[frame]);
  }

 private:
  std::vector<Image> frames_;
};

VideoPrompt to_prompt(const json& step) {
  VideoPrompt prompt;
  for (const json& point : step.value("points", json::array())) prompt.points.push_back({point[0], point[1]});
  prompt.labels = step.value("labels", std::vector<int>());
  if (step.contains("box")) {
    prompt.box = Box{step["box"][0], step["box"][1], step["box"][2], step["box"][3]};
  }
  return prompt;
}

Tensor subsampled_logits(const FrameMasks& masks) {
  const Shape& shape = masks.objects[0].logits.shape();
  const std::int64_t rows = (shape[0] + kStride - 1) / kStride;
  const std::int64_t columns = (shape[1] + kStride - 1) / kStride;
  Tensor out(Shape({std::int64_t(masks.objects.size()), rows, columns}));
  auto to = out.data<float>().begin();
  for (const ObjectMask& object : masks.objects) {
    for (std::int64_t y = 0; y < shape[0]; y += kStride) {
      for (std::int64_t x = 0; x < shape[1]; x += kStride) {
        *to++ = std::as_const(object.logits).data<float>()[y * shape[1] + x];
      }
    }
  }
  return out;
}

struct VideoCase {
  std::string model;
  std::string device = "cpu";
};

class VideoGolden : public ::testing::TestWithParam<VideoCase> {
 protected:
  void expect_matches(const FrameMasks& masks, const std::string& key) const {
    const Tensor expected = tensors_->read_float32(key + "_logits_sub").value();
    const Tensor actual = subsampled_logits(masks);
    ASSERT_EQ(actual.shape(), expected.shape()) << key;
    EXPECT_LE(relative_l2_error(actual, expected), kVideoTolerance) << key;
  }

  static void expect_areas(const FrameMasks& masks, const json& entry, const std::string& key) {
    ASSERT_EQ(masks.objects.size(), entry["object_ids"].size()) << key;
    for (std::size_t i = 0; i < masks.objects.size(); ++i) {
      EXPECT_EQ(masks.objects[i].object, entry["object_ids"][i]) << key;
      const double area = entry["areas"][i];
      EXPECT_NEAR(double(masks.objects[i].area), area, std::max(2.0, kVideoAreaTolerance * area))
          << key << " " << i;
    }
  }

  std::unique_ptr<io::Checkpoint> tensors_;
};

TEST_P(VideoGolden, TracksAsTheReference) {
  const std::string base = "goldens/" + GetParam().model + "_s1_clip";
  FACET_REQUIRE_SHARED(base + ".json");
  std::ifstream stream(shared_path(base + ".json"));
  const json expected = json::parse(stream);
  auto tensors = io::Checkpoint::open(shared_path(base + ".safetensors"));
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  tensors_ = std::make_unique<io::Checkpoint>(std::move(*tensors));
  const testing::SyntheticWeights weights(shared_path("goldens/shapes/" + GetParam().model + ".json"), 1);
  const auto model = models::build_model(weights, testing::golden_kernels(GetParam().device));
  ASSERT_TRUE(model.ok()) << model.status().message();

  const auto tracker = segment::make_memory_tracker(*model, std::make_shared<Pictures>(expected["frames"]),
                                                    VideoOptions{.keep_logits = true});
  int number = 0;
  for (const json& step : expected["steps"]) {
    const auto masks = tracker->prompt(step["frame"], step["obj"], to_prompt(step));
    ASSERT_TRUE(masks.ok()) << masks.status().message();
    const std::string key = "step" + std::to_string(number++);
    expect_matches(*masks, key);
    expect_areas(*masks, step, key);
  }
  for (const json& entry : expected["propagate"]) {
    const auto masks = tracker->track(entry["frame"], TrackDirection::Forward);
    ASSERT_TRUE(masks.ok()) << masks.status().message();
    const std::string key = "frame" + std::to_string(entry["frame"].get<int>());
    expect_matches(*masks, key);
    expect_areas(*masks, entry, key);
  }
  for (int frame = int(expected["frames"].size()) - 1; frame >= 0; --frame) {
    const std::string key = "reverse" + std::to_string(frame);
    if (!tensors_->shape(key + "_logits_sub")) continue;
    const auto masks = tracker->track(frame, TrackDirection::Backward);
    ASSERT_TRUE(masks.ok()) << masks.status().message();
    expect_matches(*masks, key);
  }
}

std::vector<VideoCase> video_cases() {
  std::vector<VideoCase> all;
  for (const std::string& device : testing::golden_devices()) {
    // The emulation takes too long for a whole clip.
    if (!testing::runs_published_sizes(device)) continue;
    for (const char* model : {"sam2_tiny", "sam2.1_hiera_t"}) all.push_back({model, device});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, VideoGolden, ::testing::ValuesIn(video_cases()), [](const auto& video) {
  return testing::golden_test_name(video.param.model, video.param.device);
});

}  // namespace
}  // namespace facet
