// A model's parts on one device, without files, pictures or copies from the host on the clock:
//   facet_device_bench MODEL [DEVICE [PRECISION [BATCHES [CLICKS [RUNS [everything]]]]]]
// MODEL is a checkpoint, or a table of names and shapes (.json) from which synthetic weights are made; DEVICE
// is cpu, cuda or cuda:N; BATCHES and CLICKS are lists as 1,8 and 1,64. A line of JSON tells the device's
// limits, one each encode and decode: the median of its runs, and the share of the product rate that was
// reached. With RUNS each runs so often after two more, and no limits are measured: for profilers; 0 is the
// usual. `everything` also segments a drawn picture of 1500 x 1000 pixels by 32 x 32 points, keeping each
// mask that is decoded and, in a second row, the usual ones.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "facet/automatic_masks.h"
#include "facet/predictor.h"
#include "models/open_weights.h"
#include "models/sam_model.h"
#include "ops/convert.h"
#include "ops/linear.h"
#include "ops/named_device.h"
#include "ops/observed_kernels.h"
#include "ops/transfer.h"
#include "segment/prompt_decoder.h"
#include "support/synthetic_weights.h"
#include "support/tensors.h"

namespace facet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLeastRuns = 10;
constexpr double kLeastSeconds = 0.5;

struct Settings {
  std::filesystem::path model;
  std::string device = "cpu";
  Precision precision = Precision::Bf16;
  std::vector<int> batches = {1, 8};
  std::vector<int> clicks = {1, 64};
  int runs = 0;
  bool everything = false;
};

// Discs of several sizes on a slope of grey.
Image drawn_picture() {
  Image image(Size{1000, 1500});
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      const int cell_x = x % 150 - 75;
      const int cell_y = y % 125 - 62;
      const int radius = 15 + (x / 150 * 7 + y / 125 * 5) % 40;
      const bool inside = cell_x * cell_x + cell_y * cell_y < radius * radius;
      for (int c = 0; c < 3; ++c) {
        image.pixel(y, x)[c] = static_cast<std::uint8_t>(inside ? 230 - 40 * c : 40 + (x + y) / 40);
      }
    }
  }
  return image;
}

// What one run multiplies and adds.
class Tally : public ops::Observer {
 public:
  void product(const ops::ProductShape& shape) override { sum_ += double(shape.multiply_adds()); }
  void other_multiply_adds(std::int64_t count) override { sum_ += double(count); }
  [[nodiscard]] double multiply_adds() const { return sum_; }

 private:
  double sum_ = 0;
};

std::vector<int> numbers(const std::string& list) {
  std::vector<int> all;
  std::istringstream stream(list);
  for (std::string number; std::getline(stream, number, ',');) all.push_back(std::atoi(number.c_str()));
  return all;
}

Result<ModelPtr> open_model(const Settings& settings, ops::KernelsPtr kernels) {
  if (settings.model.extension() == ".json") {
    return models::build_model(testing::SyntheticWeights(settings.model, 1), std::move(kernels));
  }
  FACET_ASSIGN_OR_RETURN(const auto weights, models::open_weights(settings.model));
  return models::build_model(*weights, std::move(kernels));
}

Tensor filled(const Shape& shape) { return testing::random_tensor(shape, 1); }

// The median of runs, in seconds; each waits for the device.
template <class Run>
double median_seconds(ops::Context& ctx, const Run& run, int runs = 0) {
  for (int i = 0; i < 4; ++i) run();  // a device writes the third down
  ctx.finish();
  std::vector<double> seconds;
  const auto begin = Clock::now();
  const auto enough = [&] {
    if (runs > 0) return int(seconds.size()) >= runs;
    return int(seconds.size()) >= kLeastRuns &&
           Clock::now() - begin > std::chrono::duration<double>(kLeastSeconds);
  };
  while (!enough()) {
    const auto start = Clock::now();
    run();
    ctx.finish();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

// Multiplied and added numbers a second, of a large square product in the kernels' precision.
double measure_product_rate(ops::Context& ctx) {
  const std::int64_t side = ctx.kernels().on_host() ? 2048 : 8192;
  const auto packed = ctx.kernels().pack_linear(filled({side, side}), {});
  const Tensor x =
      ops::converted(ctx, ops::uploaded(ctx, filled({side, side})), ctx.kernels().activation_dtype());
  Tensor out = ctx.make({side, side}, x.dtype());
  const double seconds = median_seconds(ctx, [&] { ops::linear(ctx, x, *packed, {}, out); });
  return double(side) * double(side) * double(side) / seconds;
}

// Bytes read and written a second.
double measure_copy_rate(ops::Context& ctx) {
  const std::int64_t floats = ctx.kernels().on_host() ? 1 << 26 : 1 << 29;
  const Tensor from = ctx.make({floats});
  Tensor to = ctx.make({floats});
  constexpr std::int64_t kWidth = 1 << 20;
  const double seconds = median_seconds(ctx, [&] {
    ops::copy_rows(ctx, {.x = from, .stride = kWidth, .rows = floats / kWidth, .width = kWidth}, to, 0,
                   kWidth);
  });
  return 2 * 4 * double(floats) / seconds;
}

class Bench {
 public:
  Bench(ModelPtr model, const Settings& settings)
      : model_(std::move(model)), settings_(settings), ctx_(model_->kernels) {}

  void run() {
    if (settings_.runs > 0) return run_works();
    ops::Context limits(model_->kernels);
    const double copy_rate = measure_copy_rate(limits);
    product_rate_ = measure_product_rate(limits);
    std::printf(
        "{\"model\":\"%s\",\"device\":\"%s\",\"precision\":\"%s\",\"copy_gb_per_s\":%.0f,"
        "\"product_tflop_per_s\":%.1f}\n",
        model_->info.architecture.c_str(), model_->info.device.c_str(), model_->info.precision.c_str(),
        copy_rate / 1e9, 2 * product_rate_ / 1e12);
    limits.arena().trim();
    run_works();
  }

 private:
  void run_works() {
    for (const int batch : settings_.batches) time_encode(batch);
    for (const int clicks : settings_.clicks) time_decode(clicks);
    if (!settings_.everything) return;
    time_everything("everything, each mask", {.pred_iou_thresh = 0.0F, .stability_score_thresh = 0.0F});
    time_everything("everything", {});
  }

  void time_everything(const char* work, const AutomaticMaskOptions& options) {
    const Image image = drawn_picture();
    Predictor predictor(model_);
    AutomaticMaskGenerator generator(predictor, options);
    std::size_t found = 0;
    const double seconds = median_seconds(
        ctx_, [&] { found = generator.generate(image).value().size(); }, settings_.runs);
    report(work, int(found), seconds, 0);
  }

  void time_encode(int batch) {
    const std::int64_t side = model_->image_size();
    const Tensor input = ops::uploaded(ctx_, filled({batch, side, side, 3}));
    Tally tally;
    {
      ops::Context observed(ops::observed_kernels(model_->kernels, tally));
      const Tensor own = ops::uploaded(observed, filled({batch, side, side, 3}));
      (void)model_->image_encoder->forward(observed, own);
      observed.finish();
    }
    const double seconds = median_seconds(
        ctx_, [&] { (void)model_->encode(ctx_, input); }, settings_.runs);
    report("encode", batch, seconds, tally.multiply_adds());
  }

  void time_decode(int clicks) {
    const std::int64_t tokens = std::int64_t(model_->grid()) * model_->grid();
    const Tensor image = ops::uploaded(ctx_, filled({1, tokens, Model::kChannels}));
    const bool sam2 = model_->memory != nullptr;
    const Tensor high_res0 = sam2 ? ops::uploaded(ctx_, filled({1, tokens * 16, 32})) : Tensor();
    const Tensor high_res1 = sam2 ? ops::uploaded(ctx_, filled({1, tokens * 4, 64})) : Tensor();
    std::vector<models::EncoderPrompt> prompts(clicks);
    for (int i = 0; i < clicks; ++i) {
      prompts[i].points_model_px = {{float(37 * i % 1000), float(91 * i % 1000)}};
      prompts[i].labels = {1};
    }
    const double seconds = median_seconds(
        ctx_,
        [&] {
          const Tensor sparse = model_->prompt_encoder.sparse(prompts);
          models::MaskDecoder::Input input{.image = image, .sparse = sparse, .multimask = true};
          if (sam2) {
            input.high_res0 = high_res0;
            input.high_res1 = high_res1;
          }
          (void)model_->mask_decoder.forward(ctx_, input);
        },
        settings_.runs);
    report("decode", clicks, seconds, 0);
  }

  void report(const char* work, int count, double seconds, double multiply_adds) {
    std::printf(
        "{\"model\":\"%s\",\"work\":\"%s\",\"count\":%d,\"ms\":%.3f,\"gflop\":%.1f,"
        "\"share_of_product_rate\":%.3f,\"peak_working_mb\":%.0f}\n",
        model_->info.architecture.c_str(), work, count, seconds * 1e3, 2 * multiply_adds / 1e9,
        multiply_adds / seconds / product_rate_, double(ctx_.arena().peak_bytes()) / (1 << 20));
    std::fflush(stdout);
  }

  ModelPtr model_;
  const Settings& settings_;
  ops::Context ctx_;
  double product_rate_ = 1;
};

int run(const Settings& settings) {
  const auto fail = [](const Status& status) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  };
  Result<ops::KernelsPtr> kernels = ops::kernels_on(settings.device, settings.precision);
  if (!kernels.ok()) return fail(kernels.status());
  const Result<ModelPtr> model = open_model(settings, *kernels);
  if (!model.ok()) return fail(model.status());
  Bench(*model, settings).run();
  return 0;
}

}  // namespace
}  // namespace facet

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(
        stderr,
        "usage: facet_device_bench MODEL [DEVICE [PRECISION [BATCHES [CLICKS [RUNS [everything]]]]]]\n");
    return 2;
  }
  facet::Settings settings{.model = argv[1]};
  if (argc > 2) settings.device = argv[2];
  if (argc > 3) settings.precision = facet::precision_from_name(argv[3]).value_or(settings.precision);
  if (argc > 4) settings.batches = facet::numbers(argv[4]);
  if (argc > 5) settings.clicks = facet::numbers(argv[5]);
  if (argc > 6) settings.runs = std::atoi(argv[6]);
  settings.everything = argc > 7;
  return facet::run(settings);
}
