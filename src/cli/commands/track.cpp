#include "cli/commands/track.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/model_options.h"
#include "cli/result_files.h"
#include "cli/stopwatch.h"
#include "cli/thread_options.h"
#include "cli/track_outputs.h"
#include "cli/track_prompts.h"
#include "cli/track_run.h"
#include "core/heap.h"

namespace facet::cli {
namespace {

constexpr const char* kPipe = "-";

struct TrackOptions {
  std::string input;
  std::string raw;
  bool network = false;
  ModelOptions model;
  TrackPromptOptions prompts;
  TrackOutputOptions output;
  bool reverse = false;
  bool both = false;
  std::string frames;
  int memory_mb = VideoOptions{}.memory_mb;
  bool non_overlap = false;
  int fill_holes = 0;
  std::vector<int> keyframes;
  int keyframe_interval = 30;
  ThreadOptions team;
  int threads = 0;  ///< what the team comes to
};

/// "A:B", both included, either may be missing.
struct FrameRange {
  int first = 0;
  std::optional<int> last;
};

Result<FrameRange> parse_range(const std::string& text) {
  if (text.empty()) return FrameRange{};
  const Status bad(StatusCode::Usage,
                   fmt::format("--frames '{}': expected A:B, first and last frame, such as 10:99", text));
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return bad;
  FrameRange range;
  const std::string_view first = std::string_view(text).substr(0, colon);
  const std::string_view last = std::string_view(text).substr(colon + 1);
  if (!first.empty()) {
    const auto number = whole_number(first);
    if (!number) return bad;
    range.first = *number;
  }
  if (!last.empty()) {
    range.last = whole_number(last);
    if (!range.last || *range.last < range.first) return bad;
  }
  return range;
}

Result<RawVideoFormat> parse_raw(const std::string& text) {
  const Status bad(StatusCode::Usage,
                   fmt::format("--raw '{}': expected WIDTHxHEIGHT[:PIXELS] such as 640x480:rgb24", text));
  const std::string size = text.substr(0, text.find(':'));
  const std::size_t cross = size.find('x');
  if (cross == std::string::npos) return bad;
  const auto width = whole_number(std::string_view(size).substr(0, cross));
  const auto height = whole_number(std::string_view(size).substr(cross + 1));
  if (!width || !height) return bad;
  RawVideoFormat format{.size = {*height, *width}};
  if (size.size() < text.size()) format.pixels = text.substr(size.size() + 1);
  return format;
}

Status check_least(const char* option, int value, int least) {
  if (value >= least) return {};
  return {StatusCode::Usage, fmt::format("{} {}: expected {} or more", option, value, least)};
}

Status check_options(const TrackOptions& options) {
  FACET_RETURN_IF_ERROR(check_least("--memory-mb", options.memory_mb, 1));
  FACET_RETURN_IF_ERROR(check_least("--fill-holes", options.fill_holes, 0));
  FACET_RETURN_IF_ERROR(check_least("--keyframe-interval", options.keyframe_interval, 1));
  FACET_RETURN_IF_ERROR(check_least("--stride", options.output.stride, 1));
  if ((options.input == kPipe) == options.raw.empty()) {
    return {StatusCode::Usage, options.raw.empty()
                                   ? "'-' reads raw frames: say their size, with --raw WIDTHxHEIGHT"
                                   : "--raw is for frames from a pipe: give '-' as INPUT"};
  }
  if (options.output.resume && options.output.folder.empty()) {
    return {StatusCode::Usage, "--resume goes on with what lies in a folder: say which, with -o"};
  }
  if (options.output.resume && !options.output.tensors.empty()) {
    return {StatusCode::Usage, "--resume has no logits of earlier frames: leave out --save-tensors"};
  }
  return {};
}

Result<std::unique_ptr<VideoReader>> open_input(const TrackOptions& options, Io& io) {
  const VideoReadOptions read{.network = options.network, .stop = io.stop};
  if (options.input == kPipe) {
    FACET_ASSIGN_OR_RETURN(const RawVideoFormat format, parse_raw(options.raw));
    return open_raw_video(io.input, format, read);
  }
  auto video = open_video(options.input, read);
  if (video.status().code() == StatusCode::Usage) {
    return Status(StatusCode::Usage, video.status().message() + "; --network allows it");
  }
  return video;
}

TrackWay way_of(const TrackOptions& options) {
  if (options.both) return TrackWay::Both;
  return options.reverse ? TrackWay::Backward : TrackWay::Forward;
}

/// Prompts and range against the video.   Errors  BadPrompt, Usage
Status fit_to_video(const TrackOptions& options, const VideoReader& video,
                    const std::vector<TrackStep>& steps, FrameRange& range) {
  const std::optional<int> count = video.frame_count();
  if (!count && way_of(options) != TrackWay::Forward) {
    return {StatusCode::Usage, "a stream cannot be tracked backward: leave out --reverse and --both"};
  }
  if (!count && options.output.resume) return {StatusCode::Usage, "a stream cannot be resumed"};
  if (count && range.first >= *count) {
    return {StatusCode::Usage, fmt::format("--frames {}: {} has frames 0 to {}", options.frames,
                                           video.info().source, *count - 1)};
  }
  if (count) range.last = std::min(range.last.value_or(*count - 1), *count - 1);
  for (const TrackStep& step : steps) {
    if (count && step.frame >= *count) {
      return {StatusCode::BadPrompt, fmt::format("a prompt for frame {}, object {}: {} has frames 0 to {}",
                                                 step.frame, step.object, video.info().source, *count - 1)};
    }
    if (step.frame < range.first || (range.last && step.frame > *range.last)) {
      return {StatusCode::BadPrompt, fmt::format("a prompt for frame {}, object {}: outside --frames {}",
                                                 step.frame, step.object, options.frames)};
    }
  }
  for (const int frame : options.keyframes) {
    if (frame < 0 || (count && frame >= *count)) {
      return {StatusCode::Usage, fmt::format("--keyframes {}: there is no such frame", frame)};
    }
  }
  return {};
}

VideoOptions session_options(const TrackOptions& options, const FrameRange& range, const Io& io) {
  return {.threads = options.threads,
          .memory_mb = options.memory_mb,
          .non_overlapping = options.non_overlap,
          .fill_hole_area = options.fill_holes,
          .frame_count = range.last ? *range.last - range.first + 1 : 0,
          .keep_logits = !options.output.tensors.empty(),
          .stop = io.stop,
          .keyframe_interval = options.keyframe_interval,
          .keyframes = options.keyframes};
}

/// What two runs must have in common for one to go on with the other's files.
std::string describe_run(const TrackOptions& options, const VideoInfo& video, const ModelInfo& model,
                         const std::vector<TrackStep>& steps, const FrameRange& range) {
  return fmt::format(
      "video {} {}x{}\nmodel {} {:016x} {}\nprompts {}\nframes {}:{} {}\nnon-overlap {} fill-holes {}\n",
      video.source, video.size.width, video.size.height, model.architecture, model.fingerprint,
      model.precision, describe_steps(steps), range.first, range.last ? std::to_string(*range.last) : "",
      options.both ? "both" : (options.reverse ? "reverse" : "forward"), options.non_overlap,
      options.fill_holes);
}

std::string summary(const VideoReader& video, const ModelInfo& model, const TrackRun& run,
                    const TrackingReport& report, double track_ms) {
  const VideoInfo& info = video.info();
  const double seconds = track_ms / 1000;
  std::string text = fmt::format(
      "{}: {} x {}{}, {} ({})\n{} frames tracked in {:.1f} s ({:.2f} a second), {} encoded ({:.0f} %)",
      info.source, info.size.width, info.size.height,
      video.frame_count() ? fmt::format(", {} frames", *video.frame_count()) : std::string(),
      model.architecture, model.precision, report.frames_tracked, seconds,
      seconds > 0 ? report.frames_tracked / seconds : 0, report.frames_encoded,
      report.frames_tracked == 0 ? 0 : 100.0 * report.frames_encoded / report.frames_tracked);
  if (run.resumed_frames() > 0) text += fmt::format(", {} from the run before", run.resumed_frames());
  if (run.damaged_frames() > 0) text += fmt::format(", {} damaged and skipped", run.damaged_frames());
  return text + "\n" + run.table();
}

/// What is damaged makes the exit status, but takes nothing away from what was tracked.
Status damage_status(const VideoReader& video, const TrackRun& run) {
  const VideoInfo& info = video.info();
  std::string text = info.damage;
  if (run.damaged_frames() > 0) {
    text += fmt::format(
        "{}{} damaged", text.empty() ? "" : "; ",
        run.damaged_frames() == 1 ? "1 frame is" : fmt::format("{} frames are", run.damaged_frames()));
  }
  if (text.empty()) return {};
  return {StatusCode::BadPicture, fmt::format("{}: {}; what was readable was tracked", info.source, text)};
}

Status tell_results(const TrackOptions& options, const TrackOutputs& outputs, std::string text, Io& io) {
  for (const std::string& line : outputs.describe()) text += line + "\n";
  if (!options.output.json) return print(io, text);
  text.pop_back();
  tell(io, text);
  return {};
}

Status run_track(const TrackOptions& given, Io& io) {
  keep_large_blocks_apart();
  TrackOptions options = given;
  FACET_RETURN_IF_ERROR(check_options(options));
  FACET_ASSIGN_OR_RETURN(FrameRange range, parse_range(options.frames));
  FACET_ASSIGN_OR_RETURN(std::vector<TrackStep> steps, parse_track_prompts(options.prompts));
  if (options.output.folder.empty() && options.output.overlay.empty() && options.output.tensors.empty() &&
      !options.output.json) {
    options.output.folder = kDefaultFolder;
  }
  options.output.ascending = way_of(options) == TrackWay::Forward;
  FACET_ASSIGN_OR_RETURN(options.threads, start_threads(options.team));
  options.output.threads = options.threads;

  FACET_ASSIGN_OR_RETURN(std::shared_ptr<VideoReader> video, open_input(options, io));
  if (!video->info().damage.empty()) {
    tell(io, fmt::format("{}: {}", video->info().source, video->info().damage));
  }
  FACET_RETURN_IF_ERROR(fit_to_video(options, *video, steps, range));
  FACET_RETURN_IF_ERROR(load_step_masks(steps, video->size()));
  FACET_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model_path(options.model, io));
  FACET_ASSIGN_OR_RETURN(ModelPtr model, load_model_at(path, options.model, options.threads, io));
  VideoSession session(model, video, session_options(options, range, io));
  FACET_ASSIGN_OR_RETURN(
      TrackOutputs outputs,
      TrackOutputs::open(options.output, *video,
                         describe_run(options, video->info(), model_info(*model), steps, range), io));

  Stopwatch watch(io);
  std::vector<TrackPass> passes = plan_passes(steps, way_of(options), range.first, range.last);
  TrackRun run(*video, session, outputs, std::move(steps), io);
  const Status followed = run.follow(std::move(passes));
  const double track_ms = watch.lap_ms();
  // Whatever stopped it: what was tracked is kept.
  const Status finished = outputs.finish(*video, !followed.ok());
  FACET_RETURN_IF_ERROR(followed);
  FACET_RETURN_IF_ERROR(finished);
  FACET_RETURN_IF_ERROR(tell_results(
      options, outputs, summary(*video, model_info(*model), run, session.report(), track_ms) + "\n", io));
  return damage_status(*video, run);
}

void bind_track_outputs(CLI::App& command, TrackOutputOptions& options) {
  command
      .add_option(
          "-o,--output", options.folder,
          fmt::format("folder for JSON lines and label pictures [{}, or none with --json, --overlay or "
                      "--save-tensors]",
                      kDefaultFolder))
      ->type_name("DIR");
  command.add_option("--overlay", options.overlay, "write the video with its objects on it")
      ->type_name("FILE.mp4");
  command.add_flag("--json", options.json, "print one JSON line a frame, and nothing else");
  command.add_flag("--resume", options.resume, "go on where an earlier run into the same folder stopped");
  command.add_option("--save-tensors", options.tensors, "write logits after each step and on each frame")
      ->type_name("FILE.safetensors");
  command.add_option("--stride", options.stride, "of the saved logits, in pixels")->capture_default_str();
}

void bind_tracking(CLI::App& command, TrackOptions& options) {
  CLI::Option* reverse =
      command.add_flag("--reverse", options.reverse, "track backward from the last prompted frame");
  command.add_flag("--both", options.both, "track forward, and then backward")->excludes(reverse);
  command.add_option("--frames", options.frames, "track only frames A to B; either may be left out")
      ->type_name("A:B");
  command.add_option("--memory-mb", options.memory_mb, "what kept memories and masks may take")
      ->capture_default_str();
  command.add_flag("--non-overlap", options.non_overlap, "each pixel belongs to one object");
  command
      .add_option("--fill-holes", options.fill_holes,
                  "fill holes of up to so many cells of the model's 256 x 256 grid")
      ->capture_default_str();
  command
      .add_option("--keyframes", options.keyframes, "frames that are encoded in any case (SAM, MobileSAM)")
      ->type_name("N,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      .add_option("--keyframe-interval", options.keyframe_interval,
                  "encode a frame at least so often (SAM, MobileSAM)")
      ->capture_default_str();
  bind_threads(command, options.team);
}

}  // namespace

void add_track_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<TrackOptions>();
  CLI::App* command = app.add_subcommand("track", "Follow objects through a video");
  command
      ->add_option("INPUT", options->input,
                   "an MP4, MOV, MKV, WebM or AVI file, a folder of pictures, '-', or a stream's address")
      ->required();
  command
      ->add_option("--raw", options->raw, "frames on standard input: rgb24, gray8, bgr24, rgba, yuv420p, ...")
      ->type_name("WIDTHxHEIGHT[:PIXELS]");
  command->add_flag("--network", options->network, "allow INPUT to be an address (http, https, rtsp, ...)");
  bind_model(*command, options->model);
  bind_track_prompts(*command, options->prompts);
  bind_tracking(*command, *options);
  bind_track_outputs(*command, options->output);
  command->footer(
      "Frames count from 0, objects from 1. Points and a box for the same object on the same frame belong "
      "together.\n"
      "A damaged frame is reported and skipped, and the exit status is 3.\n\n"
      "Examples:\n"
      "  facet track clip.mp4 --point 0:1:480,270 --overlay followed.mp4\n"
      "  facet track clip.mp4 --box 0:1:100,80,300,400 --point 40:2:610,220 --both -o results\n"
      "  facet track frames/ --prompts steps.json --json\n"
      "  facet track long.mkv --point 0:1:480,270 -o results --resume\n"
      "  some-camera | facet track - --raw 640x480:rgb24 --box 0:1:200,100,400,380 --json");
  set_run(*command, std::move(options), io, run_track);
}

}  // namespace facet::cli
