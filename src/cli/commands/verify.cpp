#include "cli/commands/verify.h"

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/drawn_picture.h"
#include "cli/model_options.h"
#include "cli/picture_options.h"
#include "cli/progress_bar.h"
#include "cli/thread_options.h"
#include "cli/verify_report.h"

namespace facet::cli {
namespace {

struct VerifyOptions {
  ModelOptions model;
  PictureOptions picture;
  ThreadOptions threads;
  std::vector<std::string> images;
  std::string against;
  std::string goldens;
  std::int64_t seed = 0;
  int side = 4;
  bool oracle = false;
  bool layers = false;
  bool json = false;
};

Result<std::vector<VerifyPicture>> open_pictures(const VerifyOptions& options, Io& io) {
  std::vector<VerifyPicture> pictures;
  for (const std::string& path : options.images) {
    FACET_ASSIGN_OR_RETURN(Picture picture, open_picture(path, options.picture, io));
    pictures.push_back({std::filesystem::path(path).filename().string(), std::move(picture.image)});
  }
  if (pictures.empty()) pictures.push_back({"drawn", drawn_picture()});
  return pictures;
}

/// float32 of the same weights, or of --against; on the plain kernels where float32 itself is tested.
Result<ModelPtr> load_expected(const VerifyOptions& options, const std::filesystem::path& tested, int threads,
                               bool plain, Io& io) {
  std::filesystem::path path = tested;
  if (!options.against.empty()) {
    ModelOptions other = options.model;
    other.model = options.against;
    FACET_ASSIGN_OR_RETURN(path, find_model_path(other, io));
  }
  Result<ModelPtr> expected =
      load_model(path, {.threads = threads, .precision = Precision::Fp32, .reference_kernels = plain});
  if (expected.ok()) return expected;
  return expected.status().with_context("float32 to hold it against (--against takes another file)");
}

Status compare_pictures(const VerifyOptions& options, const ModelPtr& tested, const ModelPtr& expected,
                        int threads, VerifyDocument& document, Io& io) {
  if (model_info(*tested).architecture != model_info(*expected).architecture) {
    return {StatusCode::BadModel,
            fmt::format("--against {}: expected a {}, found a {}", options.against,
                        model_info(*tested).architecture, model_info(*expected).architecture)};
  }
  FACET_ASSIGN_OR_RETURN(const std::vector<VerifyPicture> pictures, open_pictures(options, io));
  ProgressBar bar(io, "pictures", ProgressUnit::Items);
  for (const VerifyPicture& picture : pictures) {
    bar.update(std::int64_t(document.pictures.size()), std::int64_t(pictures.size()));
    FACET_ASSIGN_OR_RETURN(PictureAgreement agreement,
                           compare_models(tested, expected, picture, threads, options.side, io));
    document.pictures.push_back(std::move(agreement));
  }
  return {};
}

Status run_verify(const VerifyOptions& options, Io& io) {
  if (options.side < 1)
    return {StatusCode::Usage, fmt::format("--points-per-side {}: expected 1 or more", options.side)};
  FACET_ASSIGN_OR_RETURN(const int threads, start_threads(options.threads));
  FACET_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model_path(options.model, io));
  FACET_ASSIGN_OR_RETURN(const ModelPtr tested, load_model_at(path, options.model, threads, io));
  VerifyDocument document{.model = model_info(*tested),
                          .limits = verify_limits(model_info(*tested).precision)};
  const bool is_fp32 = document.model.precision == "fp32";
  // float32 held against goldens needs no other witness, and the plain kernels take a while.
  if (!is_fp32 || options.oracle || !options.against.empty() || options.goldens.empty()) {
    const bool plain = is_fp32 && options.against.empty();
    document.against = plain ? "fp32 on the plain kernels" : "fp32";
    FACET_ASSIGN_OR_RETURN(const ModelPtr expected, load_expected(options, path, threads, plain, io));
    FACET_RETURN_IF_ERROR(compare_pictures(options, tested, expected, threads, document, io));
  }
  if (!options.goldens.empty()) {
    const GoldenFolder folder{options.goldens, {options.images.begin(), options.images.end()}, options.seed};
    FACET_ASSIGN_OR_RETURN(document.goldens, check_goldens(tested, folder, threads, io));
  }
  FACET_RETURN_IF_ERROR(
      print(io, options.json ? verify_json(document) : verify_text(document, options.layers)));
  const std::vector<std::string> failures = document.failures();
  if (failures.empty()) return {};
  return {StatusCode::BadModel, fmt::format("{}: {}", path.string(), failures.front())};
}

}  // namespace

void add_verify_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command = app.add_subcommand("verify", "Check a model's numbers on this machine");
  command->add_option("MODEL", options->model.model, "a checkpoint, or a model by name")
      ->type_name("NAME|FILE")
      ->capture_default_str();
  bind_model_folder(*command, options->model);
  command->add_option("--precision", options->model.precision, "what is tested: fp32, bf16, int8 or auto")
      ->check(CLI::IsMember({"fp32", "bf16", "int8", "auto"}))
      ->capture_default_str();
  command->add_option("--image", options->images, "pictures to compare on; without any, one is drawn");
  command->add_option("--against", options->against, "hold it against this model instead of its own float32")
      ->type_name("NAME|FILE");
  command->add_option("--goldens", options->goldens, "numbers of the reference code: a folder of NAME.json")
      ->type_name("DIR");
  command
      ->add_option("--seed", options->seed,
                   "goldens of weights by rule, with this seed; 0: published weights")
      ->capture_default_str();
  command->add_flag("--oracle", options->oracle,
                    "float32 also against the plain kernels, where goldens are given (minutes)");
  command->add_option("--points-per-side", options->side, "clicks on each picture, along a side")
      ->capture_default_str();
  command->add_flag("--layers", options->layers, "list the error of every block, also when all is well");
  bind_threads(*command, options->threads);
  bind_picture(*command, options->picture);
  command->add_flag("--json", options->json, "print one JSON document");
  command->footer(
      "A precision is held against float32 of the same weights: mean IoU of masks at least 0.99 for bf16 "
      "and\n"
      "0.98 for int8, over the best mask of each click and the mask in the box of each. float32 is held\n"
      "against the plain kernels (slow: a minute for MobileSAM), or against goldens: 0.001 of embeddings "
      "and\n"
      "logits, 0.2 % of areas. Where a limit is missed, the errors of all blocks are listed, and the exit\n"
      "status is 4.\n\n"
      "Examples:\n"
      "  facet verify mobile_sam --precision bf16\n"
      "  facet verify mobile_sam.pt --precision int8 --image photo.jpg --layers\n"
      "  facet verify mobile_sam.pt --goldens ../shared/goldens --json");
  set_run(*command, std::move(options), io, run_verify);
}

}  // namespace facet::cli
