// Tracking frame by frame: seconds a frame once the memory is full, and peak memory.
//   facet_video_bench MODEL [OBJECTS [FRAMES]]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "facet/video_session.h"

namespace facet {
namespace {

constexpr Size kSize{480, 640};
constexpr int kFullMemoryAfter = 7;  // frames: a prompted one and six before

// A bright disc that drifts over stripes.
class DriftingDisc : public FrameReader {
 public:
  explicit DriftingDisc(int frames) : frames_(frames) {}
  [[nodiscard]] Size size() const override { return kSize; }
  [[nodiscard]] std::optional<int> frame_count() const override { return frames_; }
  [[nodiscard]] Result<std::optional<Image>> read(int frame) override {
    if (frame >= frames_) return std::optional<Image>();
    Image image(kSize);
    const int center_x = 160 + frame * 3 % 320;
    for (int y = 0; y < kSize.height; ++y) {
      for (int x = 0; x < kSize.width; ++x) {
        const bool inside = (x - center_x) * (x - center_x) + (y - 240) * (y - 240) < 80 * 80;
        const auto value = static_cast<std::uint8_t>(inside ? 220 : 60 + (x / 16 % 2) * 30);
        std::ranges::fill(image.pixel(y, x), value);
      }
    }
    return std::optional<Image>(std::move(image));
  }

 private:
  int frames_;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024.0;
}

int run(const char* path, int objects, int frames) {
  const Result<ModelPtr> model = load_model(path);
  if (!model.ok()) {
    std::fprintf(stderr, "%s\n", model.status().message().c_str());
    return 1;
  }
  VideoSession session(*model, std::make_shared<DriftingDisc>(frames));
  for (int object = 0; object < objects; ++object) {
    const auto x = static_cast<float>(100 + 30 * object);
    const auto masks = session.prompt(0, object, {.points = {{x, 240}}, .labels = {1}});
    if (!masks.ok()) {
      std::fprintf(stderr, "%s\n", masks.status().message().c_str());
      return 1;
    }
  }
  std::vector<double> seconds;
  for (int frame = 0; frame < frames; ++frame) {
    const auto start = std::chrono::steady_clock::now();
    const auto masks = session.track(frame);
    if (!masks.ok()) {
      std::fprintf(stderr, "%s\n", masks.status().message().c_str());
      return 1;
    }
    if (frame >= kFullMemoryAfter) seconds.push_back(seconds_since(start));
  }
  std::ranges::sort(seconds);
  const double median = seconds.empty() ? 0 : seconds[seconds.size() / 2];
  std::printf(
      "{\"model\":\"%s\",\"objects\":%d,\"frames\":%d,\"median_seconds_per_frame\":%.4f,"
      "\"kept_mb\":%.1f,\"peak_rss_mb\":%.1f}\n",
      model_info(**model).architecture.c_str(), objects, frames, median,
      double(session.report().kept_bytes) / (1 << 20), peak_megabytes());
  return 0;
}

}  // namespace
}  // namespace facet

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: facet_video_bench MODEL [OBJECTS [FRAMES]]\n");
    return 2;
  }
  return facet::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 1, argc > 3 ? std::atoi(argv[3]) : 12);
}
