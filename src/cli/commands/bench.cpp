#include "cli/commands/bench.h"

#include <fmt/format.h>

#include "cli/bench_report.h"
#include "cli/command.h"
#include "cli/drawn_picture.h"
#include "cli/model_options.h"
#include "cli/peer.h"
#include "cli/picture_options.h"
#include "cli/progress_bar.h"
#include "cli/thread_options.h"

namespace facet::cli {
namespace {

constexpr int kPeerRuns = 3;  // of each in one turn

struct BenchOptions {
  std::vector<std::string> images;
  ModelOptions model;
  PictureOptions picture;
  ThreadOptions threads;
  int rounds = 20;
  double seconds = 10;
  int boxes = 100;
  bool everything = false;
  int points_per_side = 32;
  std::string compare;
  std::string peers = "bench/peers";
  std::string peer_model;
  int turns = 3;
  bool json = false;
};

Status check_options(const BenchOptions& options) {
  const auto check = [](const char* name, double value, double least) -> Status {
    if (value >= least) return {};
    return {StatusCode::Usage, fmt::format("{} {}: expected {} or more", name, value, least)};
  };
  FACET_RETURN_IF_ERROR(check("--rounds", options.rounds, 1));
  FACET_RETURN_IF_ERROR(check("--seconds", options.seconds, 0));
  FACET_RETURN_IF_ERROR(check("--boxes", options.boxes, 1));
  FACET_RETURN_IF_ERROR(check("--points-per-side", options.points_per_side, 1));
  return check("--turns", options.turns, 1);
}

Result<std::vector<BenchPicture>> open_pictures(const BenchOptions& options, Io& io) {
  std::vector<BenchPicture> pictures;
  for (const std::string& path : options.images) {
    FACET_ASSIGN_OR_RETURN(Picture picture, open_picture(path, options.picture, io));
    pictures.push_back({path, std::move(picture.image)});
  }
  if (pictures.empty()) pictures.push_back({"", drawn_picture()});
  return pictures;
}

std::string picture_name(const std::vector<BenchPicture>& pictures) {
  if (pictures.size() > 1) return fmt::format("{} pictures, the first", pictures.size());
  return pictures[0].path.empty() ? "drawn" : pictures[0].path;
}

Result<PeerComparison> compare(const BenchOptions& options, const BenchPlan& plan, Io& io) {
  FACET_ASSIGN_OR_RETURN(const ModelPtr model, plan.load());
  FACET_ASSIGN_OR_RETURN(const Peer peer,
                         find_peer(options.peers, options.peer_model, model_info(*model).architecture));
  PeerComparison comparison;
  ProgressBar bar(io, "turns with the peer", ProgressUnit::Items);
  for (int turn = 0; turn < options.turns; ++turn) {
    bar.update(turn, options.turns);
    FACET_ASSIGN_OR_RETURN(const PeerTurn other, run_peer(peer, plan.threads, kPeerRuns, io));
    FACET_ASSIGN_OR_RETURN(const Samples own,
                           time_encodes(model, plan.pictures[0], plan.threads, kPeerRuns, io));
    comparison.peer = "onnxruntime-node " + other.version;
    comparison.facet.add(own.median());
    comparison.other.add(other.times.median());
    comparison.other_peak_bytes = std::max(comparison.other_peak_bytes, other.peak_bytes);
  }
  return comparison;
}

/// Before anything is measured: an option that cannot work is told at once.
Status check_peer(const BenchOptions& options) {
  if (options.compare.empty()) return {};
  // The model is not known yet; a wrong one is told after loading.
  return find_peer(options.peers, options.peer_model, "mobile_sam").status();
}

Status run_bench_command(const BenchOptions& options, Io& io) {
  FACET_RETURN_IF_ERROR(check_options(options));
  FACET_RETURN_IF_ERROR(check_peer(options));
  FACET_ASSIGN_OR_RETURN(const int threads, start_threads(options.threads));
  BenchPlan plan{.threads = threads,
                 .rounds = options.rounds,
                 .seconds = options.seconds,
                 .boxes = options.boxes,
                 .points_per_side = options.everything ? options.points_per_side : 0};
  FACET_ASSIGN_OR_RETURN(plan.pictures, open_pictures(options, io));
  FACET_ASSIGN_OR_RETURN(plan.read, read_options(options.picture));
  FACET_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model_path(options.model, io));
  plan.load = [&] { return load_model_at(path, options.model, threads, io); };
  BenchDocument document{.picture = picture_name(plan.pictures),
                         .size = plan.pictures[0].image.size(),
                         .threads = threads,
                         .pinned = options.threads.pin};
  FACET_ASSIGN_OR_RETURN(document.report, run_bench(plan, io));
  if (!options.compare.empty()) {
    FACET_ASSIGN_OR_RETURN(document.comparison, compare(options, plan, io));
  }
  return print(io, options.json ? bench_json(document) : bench_text(document));
}

void bind_peer(CLI::App& command, BenchOptions& options) {
  command.add_option("--compare", options.compare, "time a peer on the same encoder, in turns with Facet")
      ->check(CLI::IsMember({"onnxruntime"}));
  command.add_option("--peers", options.peers, "the folder bench/peers of Facet's source, after npm install")
      ->capture_default_str();
  command
      .add_option("--peer-model", options.peer_model,
                  "the same encoder as ONNX; MobileSAM's is found under --peers")
      ->type_name("FILE.onnx");
  command.add_option("--turns", options.turns, "turns of each against the peer")->capture_default_str();
}

}  // namespace

void add_bench_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure a model on this machine, stage by stage");
  command->add_option("IMAGE", options->images, "pictures to measure with; without any, one is drawn");
  bind_model(*command, options->model);
  bind_threads(*command, options->threads);
  command->add_option("--rounds", options->rounds, "runs of each kind of work")->capture_default_str();
  command
      ->add_option("--seconds", options->seconds,
                   "after so many a kind of work has runs enough, once it had three")
      ->capture_default_str();
  command->add_option("--boxes", options->boxes, "prompts on one embedding")->capture_default_str();
  CLI::Option* everything =
      command->add_flag("--everything", options->everything, "also segment everything, which takes a while");
  command->add_option("--points-per-side", options->points_per_side, "of the grid that everything asks at")
      ->needs(everything)
      ->capture_default_str();
  bind_peer(*command, *options);
  bind_picture(*command, options->picture);
  command->add_flag("--json", options->json, "print one JSON document");
  command->footer(
      "'load to first mask ready' is what a fresh process waits before its first mask, less one usual "
      "encode\n"
      "and click: opening and packing the weights, preparing kernels, first touches of memory.\n"
      "'of limit' is the time that the multiplications of a stage would take at the rate of the fastest "
      "bare\n"
      "product among the model's shapes, measured in the same run, as a share of the time it took.\n\n"
      "Examples:\n"
      "  facet bench\n"
      "  facet bench photo.jpg --model sam_vit_b --threads 4 --everything\n"
      "  facet bench --compare onnxruntime --json");
  set_run(*command, std::move(options), io, run_bench_command);
}

}  // namespace facet::cli
