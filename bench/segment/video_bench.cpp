// Tracking frame by frame: seconds a frame once the memory is full, and peak memory.
//   facet_video_bench MODEL [OBJECTS [FRAMES [PRECISION [IMAGE_SIZE [DEVICE]]]]]
// MODEL is a checkpoint, or a table of names and shapes (.json) from which synthetic weights are made;
// IMAGE_SIZE, of SAM 2's square, makes long runs short (0 = as published); DEVICE is cpu or cuda.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "facet/video_session.h"
#include "models/open_weights.h"
#include "models/sam_model.h"
#include "ops/named_device.h"
#include "support/synthetic_weights.h"

namespace facet {
namespace {

constexpr Size kSize{480, 640};
constexpr int kFullMemoryAfter = 7;  // frames: a prompted one and six before
constexpr int kEarly = 100;          // frames after which the peak is noted, or half of them

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

struct Settings {
  std::filesystem::path model;
  int objects = 1;
  int frames = 12;
  Precision precision = Precision::Fp32;
  int image_size = 0;
  std::string device = "cpu";
};

Result<ModelPtr> open_model(const Settings& settings) {
  const models::BuildOptions options{.image_size = settings.image_size};
  FACET_ASSIGN_OR_RETURN(ops::KernelsPtr kernels, ops::kernels_on(settings.device, settings.precision));
  if (settings.model.extension() == ".json") {
    return models::build_model(testing::SyntheticWeights(settings.model, 1), std::move(kernels), options);
  }
  FACET_ASSIGN_OR_RETURN(const auto weights, models::open_weights(settings.model));
  return models::build_model(*weights, std::move(kernels), options);
}

int run(const Settings& settings) {
  const int objects = settings.objects;
  const int frames = settings.frames;
  const int early = std::min(kEarly, std::max(1, frames / 2));
  const Result<ModelPtr> model = open_model(settings);
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
  double early_peak = 0;
  for (int frame = 0; frame < frames; ++frame) {
    const auto start = std::chrono::steady_clock::now();
    const auto masks = session.track(frame);
    if (!masks.ok()) {
      std::fprintf(stderr, "%s\n", masks.status().message().c_str());
      return 1;
    }
    if (frame >= kFullMemoryAfter) seconds.push_back(seconds_since(start));
    if (frame + 1 == early) early_peak = peak_megabytes();
  }
  std::ranges::sort(seconds);
  const double median = seconds.empty() ? 0 : seconds[seconds.size() / 2];
  const ModelInfo& info = model_info(**model);
  std::printf(
      "{\"model\":\"%s\",\"precision\":\"%s\",\"objects\":%d,\"frames\":%d,"
      "\"median_seconds_per_frame\":%.4f,"
      "\"kept_mb\":%.1f,\"early_frames\":%d,\"early_peak_rss_mb\":%.1f,\"peak_rss_mb\":%.1f}\n",
      info.architecture.c_str(), info.precision.c_str(), objects, frames, median,
      double(session.report().kept_bytes) / (1 << 20), early, early_peak, peak_megabytes());
  return 0;
}

}  // namespace
}  // namespace facet

int main(int argc, char** argv) {
  const auto number = [&](int i, int standard) { return argc > i ? std::atoi(argv[i]) : standard; };
  const auto precision = facet::precision_from_name(argc > 4 ? argv[4] : "fp32");
  if (argc < 2 || argc > 7 || !precision) {
    std::fprintf(stderr,
                 "usage: facet_video_bench MODEL [OBJECTS [FRAMES [PRECISION [IMAGE_SIZE [DEVICE]]]]]\n");
    return 2;
  }
  return facet::run({.model = argv[1],
                     .objects = number(2, 1),
                     .frames = number(3, 12),
                     .precision = *precision,
                     .image_size = number(5, 0),
                     .device = argc > 6 ? argv[6] : "cpu"});
}
