// Ten thousand frames: neither what a session keeps nor what the process takes grows.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <fstream>

#include "core/heap.h"
#include "facet/video_session.h"
#include "models/sam_model.h"
#include "segment/video/video_scene.h"
#include "support/paths.h"
#include "support/synthetic_weights.h"
#include "support/tiny_sam.h"

namespace facet {
namespace {

constexpr int kShort = 500;  // by then the memory's budget is used up, and so are the places of pictures
constexpr int kMiddle = 2000;
constexpr int kLong = 10000;
constexpr double kMostGrowth = 1.02;
constexpr int kTold = 1000;

// A disc that swings to and fro, and turns up again at the same places.
class SwingingDisc : public FrameReader {
 public:
  static constexpr Size kSize{96, 144};
  static constexpr double kRadius = 20;
  static Point centre_at(int frame) { return {72 + 8 * std::sin(float(frame) / 10), 48}; }

  [[nodiscard]] Size size() const override { return kSize; }
  [[nodiscard]] std::optional<int> frame_count() const override { return kLong; }
  [[nodiscard]] Result<std::optional<Image>> read(int frame) override {
    return std::optional<Image>(testing::scene_frame(kSize, centre_at(frame), kRadius));
  }
};

double resident_mb() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096 / (1 << 20);
}

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

// Each test is a process of its own, whose peak is the session's.
class TrackingSoak : public ::testing::Test {
 protected:
  // As time goes by the kernel joins pages into huge ones, and what was never touched between them counts as
  // resident: 80 MB became 133 without one more allocation.
  static void SetUpTestSuite() {
    keep_large_blocks_apart();  // as the program does
    ASSERT_EQ(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
  }
  void follow(VideoSession& session, int end) {
    for (; next_ < end; ++next_) {
      const auto masks = session.track(next_);
      ASSERT_TRUE(masks.ok()) << masks.status().message();
      most_kept_ = std::max(most_kept_, session.report().kept_bytes);
      if ((next_ + 1) % kTold == 0) tell(session);
    }
  }
  void tell(const VideoSession& session) const {
    std::printf("%6d frames: %.1f MB resident, %.1f MB at most, %.2f MB kept\n", next_ + 1, resident_mb(),
                peak_mb(), double(session.report().kept_bytes) / (1 << 20));
    std::fflush(stdout);
  }
  void expect_no_growth(VideoSession& session) {
    follow(session, kShort);
    tell(session);
    const double after_short = peak_mb();
    follow(session, kMiddle);
    EXPECT_LE(peak_mb(), kMostGrowth * after_short);
    follow(session, kLong);
    EXPECT_LE(peak_mb(), kMostGrowth * after_short);
    EXPECT_EQ(session.report().frames_tracked, kLong);
  }
  std::size_t most_kept_ = 0;

 private:
  int next_ = 0;
};

TEST_F(TrackingSoak, OfTwoObjectsByMemory) {
  constexpr int kBudgetMb = 1;
  const testing::SyntheticWeights weights(testing::source_path("tests/e2e/data/sam2_tiny_shapes.json"), 1);
  const auto model = models::build_model(weights, ops::cpu_kernels(), {.image_size = 128});
  ASSERT_TRUE(model.ok()) << model.status().message();
  VideoSession session(*model, std::make_shared<SwingingDisc>(), {.memory_mb = kBudgetMb});
  ASSERT_TRUE(session.prompt(0, 1, {.points = {{72, 48}}, .labels = {1}}).ok());
  ASSERT_TRUE(session.prompt(0, 2, {.box = Box{20, 20, 60, 70}}).ok());
  expect_no_growth(session);
  EXPECT_LE(most_kept_, std::size_t(kBudgetMb) << 20);
}

TEST_F(TrackingSoak, OfADiscByFlow) {
  const auto model = models::build_model(testing::TinySam(), ops::cpu_kernels());
  ASSERT_TRUE(model.ok()) << model.status().message();
  VideoSession session(*model, std::make_shared<SwingingDisc>(), {.memory_mb = 1, .keyframe_interval = 100});
  const Bitmap disc =
      testing::disc_mask(SwingingDisc::kSize, SwingingDisc::centre_at(0), SwingingDisc::kRadius);
  ASSERT_TRUE(session.prompt(0, 1, {.mask = disc}).ok());
  expect_no_growth(session);
}

}  // namespace
}  // namespace facet
