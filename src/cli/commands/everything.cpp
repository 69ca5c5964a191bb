#include "cli/commands/everything.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/automatic_options.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/picture_options.h"
#include "cli/progress_bar.h"
#include "cli/result_files.h"
#include "cli/result_json.h"
#include "cli/stopwatch.h"
#include "cli/thread_options.h"

namespace facet::cli {
namespace {

struct EverythingOptions {
  std::vector<std::string> images;
  ModelOptions model;
  PictureOptions picture;
  AutomaticOptions automatic;
  OutputOptions output;
  std::string output_mode = "coco_rle";
  ThreadOptions threads;
};

const std::set<OutputKind> kEverythingKinds = {OutputKind::Overlay, OutputKind::Labels, OutputKind::Json,
                                               OutputKind::Coco, OutputKind::Csv};

/// The pictures of one call, one after the other, on one model.
class EverythingRun {
 public:
  EverythingRun(const EverythingOptions& options, OutputPlan plan, AutomaticMaskOptions automatic, Io& io)
      : options_(options),
        plan_(std::move(plan)),
        automatic_(std::move(automatic)),
        io_(io),
        bar_(io, "points", ProgressUnit::Items) {
    automatic_.stop = io.stop;
    automatic_.progress = [this](int done, int total) { bar_.update(done, total); };
  }

  /// A bad picture is told and counted, and the others go on.
  Status run() {
    FACET_ASSIGN_OR_RETURN(threads_, start_threads(options_.threads));
    for (const std::string& image : options_.images) {
      Status status = run_picture(image);
      if (status.code() == StatusCode::BadPicture && options_.images.size() > 1) {
        note_failure(image, status);
      } else if (!status.ok()) {
        return status;
      }
    }
    if (options_.output.json) FACET_RETURN_IF_ERROR(print(io_, whole_document() + "\n"));
    if (failures_ == 0) return {};
    return {StatusCode::BadPicture,
            fmt::format("{} of {} pictures failed", failures_, options_.images.size())};
  }

 private:
  Status run_picture(const std::string& image) {
    bar_.set_label(options_.images.size() == 1
                       ? image
                       : fmt::format("{} ({} of {})", image, count_ + failures_ + 1, options_.images.size()));
    Stopwatch watch(io_);
    FACET_ASSIGN_OR_RETURN(const Picture picture, open_picture(image, options_.picture, io_));
    DocumentHead head{.image = image, .size = picture.image.size(), .window = picture.source.window};
    head.timings.decode = watch.lap_ms();
    FACET_RETURN_IF_ERROR(load_once());
    head.model = model_info(*model_);
    head.timings.load = load_ms_;
    watch.lap_ms();
    FACET_ASSIGN_OR_RETURN(const std::vector<AutomaticMask> masks, generator_->generate(picture.image));
    head.timings.predict = watch.lap_ms();
    bar_.clear();
    return deliver(head, picture.image, masks);
  }

  /// Only when the first good picture has shown that there is something to do.
  Status load_once() {
    if (model_ != nullptr) return {};
    Stopwatch watch(io_);
    FACET_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model_path(options_.model, io_));
    FACET_ASSIGN_OR_RETURN(model_, load_model_at(path, options_.model, threads_, io_));
    generator_.emplace(model_, automatic_, PredictorOptions{.threads = threads_});
    load_ms_ = watch.lap_ms();
    return {};
  }

  Status deliver(const DocumentHead& head, const Image& image, const std::vector<AutomaticMask>& masks) {
    const RleForm form =
        options_.output_mode == "uncompressed_rle" ? RleForm::Uncompressed : RleForm::Compressed;
    std::string document = everything_document(head, masks, form);
    PictureResults results{.name = result_name(head.image, taken_), .image = &image, .document = document};
    results.shown = {std::filesystem::path(head.image).filename().string(), head.size, {}};
    for (std::size_t i = 0; i < masks.size(); ++i) {
      results.shown.masks.push_back(record_of(masks[i]));
      results.masks.push_back({std::to_string(i), &masks[i].rle});
    }
    FACET_ASSIGN_OR_RETURN(const auto files, write_results(results, plan_));
    ++count_;
    if (options_.output.json) {
      documents_.push_back(std::move(document));
      return {};
    }
    return print(io_, summary(head, masks.size(), files));
  }

  static MaskRecord record_of(const AutomaticMask& mask) {
    return {.rle = mask.rle,
            .area = mask.area,
            .bbox = mask.bbox,
            .predicted_iou = mask.predicted_iou,
            .stability_score = mask.stability_score,
            .point = mask.point,
            .crop_box = mask.crop_box};
  }

  static std::string summary(const DocumentHead& head, std::size_t masks,
                             const std::vector<std::filesystem::path>& files) {
    std::string text = fmt::format("{}: {} x {}, {} ({}), {} masks in {:.1f} s\n", head.image,
                                   head.size.width, head.size.height, head.model.architecture,
                                   head.model.precision, masks, head.timings.predict / 1000);
    for (const auto& file : files) text += "  " + file.string() + "\n";
    return text;
  }

  void note_failure(const std::string& image, const Status& status) {
    bar_.clear();
    tell(io_, status.message());
    ++failures_;
    documents_.push_back(failure_document(image, status));
  }

  [[nodiscard]] std::string whole_document() const {
    return options_.images.size() == 1 ? documents_.at(0) : document_list(documents_);
  }

  const EverythingOptions& options_;
  const OutputPlan plan_;
  AutomaticMaskOptions automatic_;
  Io& io_;
  ProgressBar bar_;
  int threads_ = 0;
  ModelPtr model_;
  std::optional<AutomaticMaskGenerator> generator_;
  double load_ms_ = 0;
  std::set<std::string> taken_;
  std::vector<std::string> documents_;
  std::size_t count_ = 0;
  std::size_t failures_ = 0;
};

Status run_everything(const EverythingOptions& options, Io& io) {
  FACET_ASSIGN_OR_RETURN(AutomaticMaskOptions automatic, make_automatic_options(options.automatic));
  FACET_ASSIGN_OR_RETURN(OutputPlan plan, plan_output(options.output, kEverythingKinds));
  if (options.output_mode == "binary_mask") {
    if (plan.folder.empty())
      return {StatusCode::Usage, "--output-mode binary_mask writes files: say where, with -o"};
    plan.kinds.insert(OutputKind::Masks);
  }
  return EverythingRun(options, std::move(plan), std::move(automatic), io).run();
}

}  // namespace

void add_everything_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<EverythingOptions>();
  CLI::App* command = app.add_subcommand("everything", "Segment all there is in pictures");
  command->add_option("IMAGE", options->images, "JPEG, PNG, WebP or TIFF pictures")->required();
  bind_model(*command, options->model);
  bind_automatic(*command, options->automatic);
  bind_picture(*command, options->picture);
  bind_output(*command, options->output, "overlay,labels,json,coco,csv");
  command
      ->add_option("--output-mode", options->output_mode,
                   "run lengths in JSON as text or as a list, or each mask as a picture of its own")
      ->check(CLI::IsMember({"coco_rle", "uncompressed_rle", "binary_mask"}))
      ->capture_default_str();
  bind_threads(*command, options->threads);
  command->footer(
      "With --json, one picture gives one object and several give a list. A bad picture is reported, the "
      "others\n"
      "go on, and the exit status is 3.\n\n"
      "Examples:\n"
      "  facet everything truck.jpg\n"
      "  facet everything slides/*.tif --points-per-side 16 -o results\n"
      "  facet everything cells.png --crop-n-layers 1 --min-mask-region-area 50 --json");
  set_run(*command, std::move(options), io, run_everything);
}

}  // namespace facet::cli
