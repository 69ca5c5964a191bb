#include "cli/bench_run.h"

#include <algorithm>
#include <utility>

#include "cli/model_steps.h"
#include "cli/process_memory.h"
#include "cli/progress_bar.h"
#include "cli/stopwatch.h"
#include "facet/automatic_masks.h"
#include "facet/predictor.h"
#include "models/sam_model.h"
#include "ops/cpu_library.h"
#include "ops/observed_kernels.h"
#include "segment/guard.h"
#include "segment/transforms.h"

namespace facet::cli {
namespace {

constexpr int kLeastRounds = 3;
constexpr int kLoads = 3;

Prompt click_at(Point point) { return {.points = {point}, .labels = {1}}; }

/// Boxes of a tenth of the picture in rows, as somebody marks cells.
std::vector<Prompt> boxes_over(const Image& image, int count) {
  int side = 1;
  while (side * side < count) ++side;
  const float width = float(image.width()) / float(side + 1);
  const float height = float(image.height()) / float(side + 1);
  std::vector<Prompt> boxes(count);
  for (int i = 0; i < count; ++i) {
    const float x = float(i % side) * width;
    const float y = float(i / side) * height;
    boxes[i].box = Box{x, y, x + 1.5F * width, y + 1.5F * height};
  }
  return boxes;
}

/// One picture's way from the file to masks, each step on the clock. What one step makes the next one takes.
class StagedRun {
 public:
  StagedRun(ModelPtr model, const BenchPlan& plan, Io& io)
      : model_(std::move(model)), plan_(plan), ctx_(model_->kernels, ThreadTeam(plan.threads)), io_(io) {
    ctx_.set_stop(io.stop);
  }

  Status run(const BenchPicture& picture) {
    return segment::guarded([&]() -> Status {
      Stopwatch watch(io_);
      if (!picture.path.empty()) {
        FACET_ASSIGN_OR_RETURN(const Picture again, read_picture(picture.path, plan_.read));
        read_.times.add(watch.lap_ms());
      }
      FACET_ASSIGN_OR_RETURN(const segment::Placement placement,
                             segment::place(picture.image.size(), model_->info));
      const Tensor input = segment::to_input(ctx_, picture.image, placement, Model::kImageSize);
      ctx_.finish();  // a device may still be at it
      resize_.times.add(watch.lap_ms());
      const Embedding embedding = encode_input(ctx_, *model_, input, placement);
      encode_.times.add(watch.lap_ms());
      segment::PromptDecoder decoder(ctx_, *model_);  // anew, as for the first click on a picture
      decode_click(decoder, embedding, placement.to_model(picture.centre()), [&](const auto& decoded) {
        decode_.times.add(watch.lap_ms());
        upsample_masks(ctx_, decoded, placement);
        post_process_.times.add(watch.lap_ms());
      });
      return {};
    });
  }

  /// What one run multiplies, off the clock.
  Status count(const BenchPicture& picture) {
    return segment::guarded([&]() -> Status {
      FACET_ASSIGN_OR_RETURN(const segment::Placement placement,
                             segment::place(picture.image.size(), model_->info));
      ProductTally decoding;
      ops::Context encoder(ops::observed_kernels(model_->kernels, encoding_), ctx_.team());
      ops::Context decoding_ctx(ops::observed_kernels(model_->kernels, decoding), ctx_.team());
      segment::PromptDecoder decoder(decoding_ctx, *model_);
      const Tensor input = segment::to_input(encoder, picture.image, placement, Model::kImageSize);
      const Embedding embedding = encode_input(encoder, *model_, input, placement);
      decode_click(decoder, embedding, placement.to_model(picture.centre()), [](const auto&) {});
      encode_.multiply_adds = encoding_.multiply_adds();
      decode_.multiply_adds = decoding.multiply_adds();
      return {};
    });
  }

  [[nodiscard]] std::vector<BenchRow> take_rows() {
    std::vector<BenchRow> taken;
    for (BenchRow* row : {&read_, &resize_, &encode_, &decode_, &post_process_}) {
      if (!row->times.empty()) taken.push_back(std::move(*row));
    }
    return taken;
  }
  [[nodiscard]] const ProductTally& encoding() const { return encoding_; }

 private:
  ModelPtr model_;
  const BenchPlan& plan_;
  ops::Context ctx_;
  Io& io_;
  ProductTally encoding_;
  BenchRow read_{.name = "read"};
  BenchRow resize_{.name = "resize"};
  BenchRow encode_{.name = "encode"};
  BenchRow decode_{.name = "decode one click"};
  BenchRow post_process_{.name = "post-process"};
};

/// The whole of `facet bench` on one model, in the order that keeps the figures clean: memory first.
class Bench {
 public:
  Bench(const BenchPlan& plan, Io& io) : plan_(plan), io_(io), bar_(io, "bench", ProgressUnit::Items) {}

  Result<BenchReport> run() {
    restart_peak_memory();
    FACET_RETURN_IF_ERROR(load_to_first_mask());
    report_.serving_bytes = peak_memory_bytes();
    FACET_RETURN_IF_ERROR(time_stages());
    FACET_RETURN_IF_ERROR(time_predictor());
    if (plan_.points_per_side > 0) FACET_RETURN_IF_ERROR(time_everything());
    for (int i = 1; i < kLoads; ++i) FACET_RETURN_IF_ERROR(load_to_first_mask());
    finish_first_mask();
    report_.model = model_info(*model_);
    report_.peak_bytes = peak_memory_bytes();
    return std::move(report_);
  }

 private:
  [[nodiscard]] const BenchPicture& picture(int round) const {
    return plan_.pictures[round % plan_.pictures.size()];
  }

  /// Calls `work(round)` for as many rounds as the plan says.
  template <class Work>
  Status in_rounds(const std::string& name, const Work& work) {
    bar_.set_label(name);
    Stopwatch watch(io_);
    double spent = 0;
    for (int round = 0; round < plan_.rounds; ++round) {
      if (round >= kLeastRounds && spent > plan_.seconds * 1000) break;
      if (io_.stop.stop_requested()) return {StatusCode::Cancelled, "interrupted"};
      bar_.update(round, plan_.rounds);
      FACET_RETURN_IF_ERROR(work(round));
      spent += watch.lap_ms();
    }
    bar_.clear();
    return {};
  }

  /// A model of its own, as at the start of a process: nothing that oneDNN has prepared is at hand.
  Status load_to_first_mask() {
    bar_.set_label("load");
    bar_.update(load_.times.size(), kLoads);
    model_.reset();
    ops::forget_prepared_kernels();
    Stopwatch watch(io_);
    FACET_ASSIGN_OR_RETURN(model_, plan_.load());
    load_.times.add(watch.lap_ms());
    Predictor predictor(model_, {.threads = plan_.threads});
    const Prompt click = click_at(picture(0).centre());
    FACET_ASSIGN_OR_RETURN(const Embedding embedding,
                           predictor.set_image(picture(0).image, {.stop = io_.stop}));
    FACET_ASSIGN_OR_RETURN(const auto objects, predictor.predict(embedding, {&click, 1}, {.stop = io_.stop}));
    first_mask_.times.add(load_.times.values().back() + watch.lap_ms());
    bar_.clear();
    return {};
  }

  Status time_stages() {
    StagedRun staged(model_, plan_, io_);
    FACET_RETURN_IF_ERROR(staged.count(picture(0)));
    FACET_RETURN_IF_ERROR(in_rounds("stages", [&](int round) { return staged.run(picture(round)); }));
    report_.stages = staged.take_rows();
    report_.products = measure_products(model_->kernels, ThreadTeam(plan_.threads), staged.encoding());
    return {};
  }

  Status time_predictor() {
    Predictor predictor(model_, {.threads = plan_.threads});
    BenchRow encode{.name = "picture to embedding"};
    BenchRow click{.name = "click to masks"};
    BenchRow boxes{.name = std::to_string(plan_.boxes) + " boxes, each", .items = plan_.boxes};
    const auto timed_predict = [&](const Embedding& embedding, std::span<const Prompt> prompts,
                                   bool multimask, BenchRow& row) -> Status {
      Stopwatch watch(io_);
      FACET_ASSIGN_OR_RETURN(
          const auto objects,
          predictor.predict(embedding, prompts, {.multimask = multimask, .stop = io_.stop}));
      row.times.add(watch.lap_ms());
      return {};
    };
    FACET_RETURN_IF_ERROR(in_rounds("pictures and clicks", [&](int round) -> Status {
      Stopwatch watch(io_);
      FACET_ASSIGN_OR_RETURN(const Embedding embedding,
                             predictor.set_image(picture(round).image, {.stop = io_.stop}));
      encode.times.add(watch.lap_ms());
      const Prompt prompt = click_at(picture(round).centre());
      return timed_predict(embedding, {&prompt, 1}, true, click);
    }));
    FACET_ASSIGN_OR_RETURN(const Embedding embedding,
                           predictor.set_image(picture(0).image, {.stop = io_.stop}));
    const std::vector<Prompt> prompts = boxes_over(picture(0).image, plan_.boxes);
    FACET_RETURN_IF_ERROR(
        in_rounds("boxes", [&](int) { return timed_predict(embedding, prompts, false, boxes); }));
    report_.jobs.insert(report_.jobs.end(), {std::move(encode), std::move(click), std::move(boxes)});
    return {};
  }

  Status time_everything() {
    BenchRow row{.name = fmt::format("everything, {0} x {0} points", plan_.points_per_side)};
    AutomaticMaskGenerator generator(model_, {.points_per_side = plan_.points_per_side, .stop = io_.stop},
                                     {.threads = plan_.threads});
    FACET_RETURN_IF_ERROR(in_rounds("everything", [&](int round) -> Status {
      Stopwatch watch(io_);
      FACET_ASSIGN_OR_RETURN(const auto masks, generator.generate(picture(round).image));
      row.times.add(watch.lap_ms());
      return {};
    }));
    report_.jobs.push_back(std::move(row));
    return {};
  }

  /// The usual encode and click are taken off: what is left is the wait that a fresh process adds.
  void finish_first_mask() {
    const double usual = report_.jobs[0].times.median() + report_.jobs[1].times.median();
    BenchRow ready{.name = "load to first mask ready"};
    for (const double ms : first_mask_.times.values()) ready.times.add(std::max(0.0, ms - usual));
    report_.jobs.push_back(std::move(load_));
    report_.jobs.push_back(std::move(ready));
  }

  const BenchPlan& plan_;
  Io& io_;
  ProgressBar bar_;
  ModelPtr model_;
  BenchReport report_;
  BenchRow load_{.name = "load"};
  BenchRow first_mask_;
};

}  // namespace

double BenchReport::best_multiply_adds_per_second() const {
  double best = 0;
  for (const ProductRate& product : products) best = std::max(best, product.multiply_adds_per_second);
  return best;
}

double BenchReport::share_of_limit(const BenchRow& row) const {
  const double best = best_multiply_adds_per_second();
  const double seconds = row.times.median() / 1000;
  return best > 0 && seconds > 0 ? double(row.multiply_adds) / best / seconds : 0;
}

Result<BenchReport> run_bench(const BenchPlan& plan, Io& io) { return Bench(plan, io).run(); }

Result<Samples> time_encodes(const ModelPtr& model, const BenchPicture& picture, int threads, int runs,
                             Io& io) {
  Predictor predictor(model, {.threads = threads});
  Samples samples;
  for (int run = -1; run < runs; ++run) {
    Stopwatch watch(io);
    FACET_ASSIGN_OR_RETURN(const Embedding embedding, predictor.set_image(picture.image, {.stop = io.stop}));
    if (run >= 0) samples.add(watch.lap_ms());  // the first one warms up
  }
  return samples;
}

}  // namespace facet::cli
