// The user's jobs: encode, one click, a hundred boxes, everything.
//   facet_segment_bench [Google Benchmark's options] MODEL [PICTURE]
// MODEL is a checkpoint, or a table of names and shapes (.json) from which synthetic weights are made.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "facet/automatic_masks.h"
#include "facet/picture.h"
#include "facet/predictor.h"
#include "models/sam_model.h"
#include "support/synthetic_weights.h"

namespace facet {
namespace {

template <class T>
T or_exit(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.status().message().c_str());
  std::exit(status_row(result.status().code()).exit_status);
}

// "FILE[,PRECISION]"
ModelPtr open_model(const std::string& text) {
  const std::size_t comma = text.rfind(',');
  const std::filesystem::path path = text.substr(0, comma);
  const auto named = comma == std::string::npos ? std::optional(Precision::Fp32)
                                                : precision_from_name(text.substr(comma + 1));
  const Precision precision = named.value_or(Precision::Fp32);
  if (path.extension() != ".json") return or_exit(load_model(path, {.precision = precision}));
  return or_exit(models::build_model(testing::SyntheticWeights(path, 1), ops::cpu_kernels(precision)));
}

Image drawn_picture() {
  Image image(Size{768, 1024});
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) image.pixel(y, x)[(x / 64 + y / 64) % 3] = 200;
  }
  return image;
}

struct Bench {
  ModelPtr model;
  Image image;
};

void report_memory(benchmark::State& state) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_rss_mb"] = double(usage.ru_maxrss) / 1024.0;
}

void encode(benchmark::State& state, const Bench& bench) {
  Predictor predictor(bench.model);
  for (auto _ : state) or_exit(predictor.set_image(bench.image));
  report_memory(state);
}

// As the service encodes: the longest work between two places where it would give way, and how many there
// are.
void encode_giving_way(benchmark::State& state, const Bench& bench) {
  using Clock = std::chrono::steady_clock;
  Predictor predictor(bench.model);
  std::vector<double> longest;
  int places = 0;
  for (auto _ : state) {
    double most = 0;
    Clock::time_point last = Clock::now();
    places = 0;
    const auto note = [&] {
      most = std::max(most, std::chrono::duration<double, std::milli>(Clock::now() - last).count());
      last = Clock::now();
      ++places;
    };
    or_exit(predictor.set_image(bench.image, {.between_blocks = note}));
    note();
    longest.push_back(most);
  }
  std::sort(longest.begin(), longest.end());
  state.counters["longest_gap_ms"] = longest[longest.size() / 2];
  state.counters["places"] = places;
}

// Whether pictures encoded together take less time each than one alone.
void encode_four_together(benchmark::State& state, const Bench& bench) {
  Predictor predictor(bench.model);
  const Image* const images[] = {&bench.image, &bench.image, &bench.image, &bench.image};
  for (auto _ : state) or_exit(predictor.set_images(images));
  state.counters["ms_per_picture"] =
      benchmark::Counter(0.004, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  report_memory(state);
}

// Making what the prompts of a picture share, which a third click waits for unless it was made ahead.
void prepare(benchmark::State& state, const Bench& bench) {
  if (!bench.model->mask_decoder.gains_by_preparing(2)) return state.SkipWithError("nothing is shared");
  const Embedding embedding = or_exit(Predictor(bench.model).set_image(bench.image));
  const ConstTensorView image =
      embedding.features->view().reshaped({1, std::int64_t(Model::kGrid) * Model::kGrid, Model::kChannels});
  ops::Context ctx(bench.model->kernels, ThreadTeam(0));
  for (auto _ : state) benchmark::DoNotOptimize(bench.model->mask_decoder.prepare(ctx, image));
  report_memory(state);
}

void decode_click(benchmark::State& state, const Bench& bench) {
  Predictor predictor(bench.model);
  const Embedding embedding = or_exit(predictor.set_image(bench.image));
  const Prompt click{.points = {{400, 300}}, .labels = {1}};
  for (auto _ : state) or_exit(predictor.predict(embedding, {&click, 1}));
  report_memory(state);
}

void decode_hundred_boxes(benchmark::State& state, const Bench& bench) {
  Predictor predictor(bench.model);
  const Embedding embedding = or_exit(predictor.set_image(bench.image));
  std::vector<Prompt> boxes(100);
  for (int i = 0; i < 100; ++i) {
    const float x = static_cast<float>(i % 10) * 40;
    const float y = static_cast<float>(i / 10) * 40;
    boxes[i].box = Box{x, y, x + 100, y + 90};
  }
  for (auto _ : state) or_exit(predictor.predict(embedding, boxes, {.multimask = false}));
  state.counters["ms_per_box"] =
      benchmark::Counter(0.1, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  report_memory(state);
}

void everything(benchmark::State& state, const Bench& bench) {
  AutomaticMaskGenerator generator(bench.model, {});
  for (auto _ : state) state.counters["masks"] = double(or_exit(generator.generate(bench.image)).size());
  report_memory(state);
}

}  // namespace
}  // namespace facet

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: facet_segment_bench [options] MODEL[,PRECISION] [PICTURE]\n");
    return 2;
  }
  const facet::Bench bench{
      facet::open_model(argv[1]),
      argc > 2 ? facet::or_exit(facet::read_picture(argv[2])).image : facet::drawn_picture()};
  const std::string name =
      facet::model_info(*bench.model).architecture + "/" + facet::model_info(*bench.model).precision + "/";
  const auto add = [&](const char* job, void (*run)(benchmark::State&, const facet::Bench&)) {
    benchmark::RegisterBenchmark((name + job).c_str(), run, bench)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  add("encode", facet::encode);
  add("encode_giving_way", facet::encode_giving_way);
  add("encode_four_together", facet::encode_four_together);
  add("prepare", facet::prepare);
  add("decode_click", facet::decode_click);
  add("decode_100_boxes", facet::decode_hundred_boxes);
  add("everything", facet::everything);
  benchmark::RunSpecifiedBenchmarks();
}
