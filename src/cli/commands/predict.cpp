#include "cli/commands/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/model_options.h"
#include "cli/picture_options.h"
#include "cli/progress_bar.h"
#include "cli/prompts.h"
#include "cli/result_files.h"
#include "cli/result_json.h"
#include "cli/saved_tensors.h"
#include "cli/stopwatch.h"
#include "cli/thread_options.h"
#include "segment/overlap.h"
#include "segment/prompt_checks.h"

namespace facet::cli {
namespace {

struct PredictCommandOptions {
  std::string image;
  ModelOptions model;
  PictureOptions picture;
  PromptOptions prompts;
  OutputOptions output;
  bool multimask = false;
  bool single = false;
  std::optional<float> min_score;
  std::string save_tensors;
  int max_hole_area = 0;
  int max_sprinkle_area = 0;
  ThreadOptions threads;
};

const std::set<OutputKind> kPredictKinds = {OutputKind::Overlay, OutputKind::Masks, OutputKind::Labels,
                                            OutputKind::Json,    OutputKind::Coco,  OutputKind::Csv};

// Scores are estimates and may fall below zero.
constexpr float kKeepAll = -std::numeric_limits<float>::infinity();

/// What one run has come to.
struct PredictRun {
  int threads = 0;
  DocumentHead head;
  std::vector<Prompt> prompts;
  std::vector<std::string> mask_files;
  std::vector<ObjectPrediction> objects;
};

Status check_options(const PredictCommandOptions& options) {
  if (options.min_score && !(*options.min_score >= 0 && *options.min_score <= 1)) {
    return {StatusCode::Usage, fmt::format("--min-score {}: expected 0 to 1", *options.min_score)};
  }
  if (options.max_hole_area < 0 || options.max_sprinkle_area < 0) {
    return {StatusCode::Usage,
            fmt::format("--max-hole-area {} --max-sprinkle-area {}: expected areas of 0 or more",
                        options.max_hole_area, options.max_sprinkle_area)};
  }
  if (!options.save_tensors.empty() && options.min_score) {
    return {StatusCode::Usage, "--save-tensors writes every mask: leave out --min-score"};
  }
  return {};
}

/// One point and nothing else may mean a part or the whole: three masks answer that.
bool is_ambiguous(const Prompt& prompt) {
  return prompt.points.size() == 1 && !prompt.box && prompt.mask_logits == nullptr;
}

bool choose_multimask(const PredictCommandOptions& options, const std::vector<Prompt>& prompts) {
  return options.multimask || (!options.single && std::ranges::all_of(prompts, is_ambiguous));
}

std::size_t best_mask(const ObjectPrediction& object) {
  const auto best = std::ranges::max_element(object.masks, {}, &MaskPrediction::score);
  return static_cast<std::size_t>(best - object.masks.begin());
}

PictureResults collect_results(const PredictRun& run, const Image& image, const std::string& document) {
  std::set<std::string> taken;
  PictureResults results{.name = result_name(run.head.image, taken), .image = &image, .document = document};
  results.shown = {std::filesystem::path(run.head.image).filename().string(), run.head.size, {}};
  for (std::size_t i = 0; i < run.objects.size(); ++i) {
    const auto& masks = run.objects[i].masks;
    const MaskPrediction& best = masks[best_mask(run.objects[i])];
    results.shown.masks.push_back(make_mask_record(best.rle, best.score));
    for (std::size_t j = 0; j < masks.size(); ++j) {
      results.masks.push_back({fmt::format("{}_{}", i, j), &masks[j].rle});
    }
    const Prompt& prompt = run.prompts[i];
    results.points.insert(results.points.end(), prompt.points.begin(), prompt.points.end());
    results.labels.insert(results.labels.end(), prompt.labels.begin(), prompt.labels.end());
    if (prompt.box) results.boxes.push_back(*prompt.box);
  }
  return results;
}

void warn_about(const PredictRun& run, const PictureResults& results, float min_score, Io& io) {
  for (std::size_t i = 0; i < run.objects.size(); ++i) {
    if (!run.objects[i].below_min_score) continue;
    tell(io, fmt::format("object {}: no mask reaches --min-score {}; the best one, {:.3f}, is kept", i,
                         min_score, run.objects[i].masks[best_mask(run.objects[i])].score));
  }
  std::vector<Rle> masks;
  for (const MaskRecord& record : results.shown.masks) masks.push_back(record.rle);
  for (const segment::Overlap& overlap : segment::find_overlaps(masks)) {
    tell(io, fmt::format("objects {} and {} overlap: {} pixels in both, IoU {:.2f}", overlap.first,
                         overlap.second, overlap.intersection, overlap.iou));
  }
}

std::string summary(const PredictRun& run) {
  std::vector<std::vector<std::string>> rows = {{"OBJECT", "MASK", "SCORE", "AREA", "BOX (x y w h)"}};
  for (std::size_t i = 0; i < run.objects.size(); ++i) {
    for (std::size_t j = 0; j < run.objects[i].masks.size(); ++j) {
      const MaskPrediction& mask = run.objects[i].masks[j];
      rows.push_back(
          {std::to_string(i), std::to_string(j), fmt::format("{:.3f}", mask.score), std::to_string(mask.area),
           fmt::format("{} {} {} {}", mask.bbox.x, mask.bbox.y, mask.bbox.width, mask.bbox.height)});
    }
  }
  const Timings& timings = run.head.timings;
  return fmt::format(
      "{}: {} x {}, {} ({})\nload {:.0f} ms, decode {:.0f} ms, encode {:.0f} ms, predict {:.0f} ms\n{}",
      run.head.image, run.head.size.width, run.head.size.height, run.head.model.architecture,
      run.head.model.precision, timings.load, timings.decode, timings.encode, timings.predict,
      human_table(rows));
}

Status encode_and_predict(const PredictCommandOptions& options, const Image& image, ModelPtr model,
                          PredictRun& run, Io& io) {
  Predictor predictor(std::move(model), {.threads = run.threads});
  Stopwatch watch(io);
  FACET_ASSIGN_OR_RETURN(const Embedding embedding, predictor.set_image(image));
  run.head.timings.encode = watch.lap_ms();
  ProgressBar bar(io, "prompts", ProgressUnit::Items);
  PredictOptions predict{.multimask = choose_multimask(options, run.prompts),
                         .min_score = options.min_score.value_or(kKeepAll),
                         .max_hole_area = options.max_hole_area,
                         .max_sprinkle_area = options.max_sprinkle_area,
                         .keep_low_res_logits = !options.save_tensors.empty(),
                         .stop = io.stop};
  predict.progress = [&bar](int done, int total) { bar.update(done, total); };
  FACET_ASSIGN_OR_RETURN(run.objects, predictor.predict(embedding, run.prompts, predict));
  if (predictor.reduced_batches() > 0) {
    tell(io, fmt::format("memory did not hold all prompts at once: {} batches were decoded in halves",
                         predictor.reduced_batches()));
  }
  run.head.timings.predict = watch.lap_ms();
  if (options.save_tensors.empty()) return {};
  FACET_ASSIGN_OR_RETURN(const Tensor input, predictor.preprocess(image));
  return save_tensors(options.save_tensors, input, embedding, run.objects);
}

Status run_predict(const PredictCommandOptions& options, Io& io) {
  FACET_RETURN_IF_ERROR(check_options(options));
  FACET_ASSIGN_OR_RETURN(const std::vector<PromptRequest> requests, parse_prompts(options.prompts));
  FACET_ASSIGN_OR_RETURN(const OutputPlan plan, plan_output(options.output, kPredictKinds));
  PredictRun run;
  FACET_ASSIGN_OR_RETURN(run.threads, start_threads(options.threads));
  for (const PromptRequest& request : requests) run.mask_files.push_back(request.mask_text);
  Stopwatch watch(io);
  FACET_ASSIGN_OR_RETURN(const Picture picture, open_picture(options.image, options.picture, io));
  run.head.timings.decode = watch.lap_ms();
  // Before a model is read: bad prompts are answered at once.
  FACET_ASSIGN_OR_RETURN(run.prompts, load_prompt_masks(requests, picture.image.size(), ModelInfo{}));
  FACET_RETURN_IF_ERROR(segment::check_prompts(run.prompts, picture.image.size()));
  FACET_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model_path(options.model, io));
  watch.lap_ms();
  FACET_ASSIGN_OR_RETURN(ModelPtr model, load_model_at(path, options.model, run.threads, io));
  run.head.timings.load = watch.lap_ms();
  if (!model_info(*model).keeps_aspect) {  // drawn masks are stretched as the picture is
    FACET_ASSIGN_OR_RETURN(run.prompts,
                           load_prompt_masks(requests, picture.image.size(), model_info(*model)));
  }
  run.head.image = options.image;
  run.head.size = picture.image.size();
  run.head.window = picture.source.window;
  run.head.model = model_info(*model);
  FACET_RETURN_IF_ERROR(encode_and_predict(options, picture.image, std::move(model), run, io));

  const std::string document = predict_document(run.head, run.prompts, run.mask_files, run.objects);
  const PictureResults results = collect_results(run, picture.image, document);
  warn_about(run, results, options.min_score.value_or(0), io);
  FACET_ASSIGN_OR_RETURN(const auto files, write_results(results, plan));
  if (options.output.json) return print(io, document + "\n");
  std::string text = summary(run) + "\n";
  for (const auto& file : files) text += file.string() + "\n";
  return print(io, text);
}

}  // namespace

void add_predict_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<PredictCommandOptions>();
  CLI::App* command = app.add_subcommand("predict", "Segment a picture from points, boxes or a mask");
  command->add_option("IMAGE", options->image, "a JPEG, PNG, WebP or TIFF picture")->required();
  bind_model(*command, options->model);
  bind_prompts(*command, options->prompts);
  CLI::Option* multimask =
      command->add_flag("--multimask", options->multimask, "three masks an object: part, whole, and between");
  command
      ->add_flag("--single", options->single,
                 "one mask an object; without either, three when each prompt is one point and nothing else")
      ->excludes(multimask);
  command->add_option("--min-score", options->min_score, "drop masks with a lower score, but never the best");
  bind_picture(*command, options->picture);
  bind_output(*command, options->output, "overlay,masks,labels,json,coco,csv");
  command
      ->add_option("--max-hole-area", options->max_hole_area,
                   "fill holes of at most so many low-resolution cells (256 x 256)")
      ->capture_default_str();
  command->add_option("--max-sprinkle-area", options->max_sprinkle_area, "clear specks of at most so many")
      ->capture_default_str();
  command->add_option("--save-tensors", options->save_tensors, "write input, embedding, logits and scores")
      ->type_name("FILE.safetensors");
  bind_threads(*command, options->threads);
  command->footer(
      "All points of a call describe one object. Each box is an object of its own, unless points come with "
      "a\n"
      "single box. Overlay, labels, COCO and CSV hold the best mask of each object; mask files and JSON hold "
      "all.\n\n"
      "Examples:\n"
      "  facet predict truck.jpg --point 500,375\n"
      "  facet predict truck.jpg --point 500,375 --point 1125,625,0 -o results\n"
      "  facet predict cells.tif --box 75,275,172,450 --box 425,600,700,875 --json\n"
      "  facet predict cells.tif --prompts prompts.json --model sam_vit_b");
  set_run(*command, std::move(options), io, run_predict);
}

}  // namespace facet::cli
