#include "cli/track_prompts.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/human_text.h"
#include "cli/prompts.h"
#include "io/mask_reader.h"

namespace facet::cli {
namespace {

constexpr int kMaxObject = 65535;  // label pictures have 16 bits

using StepKey = std::pair<int, int>;  // frame, object

/// "FRAME:OBJ:rest"
struct Addressed {
  StepKey key;
  std::string rest;
};

Result<Addressed> split_address(const char* option, const std::string& text, const char* form) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  if (second != std::string::npos) {
    const auto frame = whole_number(std::string_view(text).substr(0, first));
    const auto object = whole_number(std::string_view(text).substr(first + 1, second - first - 1));
    if (frame && object && second + 1 < text.size()) {
      return Addressed{{*frame, *object}, text.substr(second + 1)};
    }
  }
  return Status(StatusCode::Usage, fmt::format("{} '{}': expected {}", option, text, form));
}

Status check_object(int object) {
  if (object >= 1 && object <= kMaxObject) return {};
  return {StatusCode::BadPrompt,
          fmt::format("object {}: expected a number from 1 to {}, as label pictures hold them", object,
                      kMaxObject)};
}

/// The prompts of the options, joined by frame and object.
class StepTable {
 public:
  Status add_point(const std::string& text) {
    FACET_ASSIGN_OR_RETURN(const Addressed address,
                           split_address("--point", text, "FRAME:OBJ:X,Y or FRAME:OBJ:X,Y,LABEL"));
    Prompt prompt;
    FACET_RETURN_IF_ERROR(cli::add_point(fmt::format("--point {}:{}:", address.key.first, address.key.second),
                                         address.rest, prompt));
    VideoPrompt& to = at(address.key).prompt;
    to.points.push_back(prompt.points[0]);
    to.labels.push_back(prompt.labels[0]);
    return {};
  }
  Status add_box(const std::string& text) {
    FACET_ASSIGN_OR_RETURN(const Addressed address, split_address("--box", text, "FRAME:OBJ:X0,Y0,X1,Y1"));
    TrackStep& step = at(address.key);
    if (step.prompt.box) return twice("--box", text);
    FACET_ASSIGN_OR_RETURN(
        step.prompt.box,
        parse_box(fmt::format("--box {}:{}:", address.key.first, address.key.second), address.rest));
    return {};
  }
  Status add_mask(const std::string& text) {
    FACET_ASSIGN_OR_RETURN(const Addressed address, split_address("--mask", text, "FRAME:OBJ:FILE"));
    TrackStep& step = at(address.key);
    if (!step.mask_file.empty()) return twice("--mask", text);
    step.mask_file = step.mask_text = address.rest;
    return {};
  }
  std::vector<TrackStep> steps() && {
    std::vector<TrackStep> list;
    for (auto& [key, step] : steps_) list.push_back(std::move(step));
    return list;
  }

 private:
  TrackStep& at(StepKey key) {
    TrackStep& step = steps_[key];
    step.frame = key.first;
    step.object = key.second;
    return step;
  }
  static Status twice(const char* option, const std::string& text) {
    return {StatusCode::Usage,
            fmt::format("{} '{}': this object already has one on this frame", option, text)};
  }
  std::map<StepKey, TrackStep> steps_;
};

Result<std::vector<TrackStep>> steps_of_file(const std::string& file) {
  FACET_ASSIGN_OR_RETURN(std::vector<StepRequest> requests, read_steps_file(file));
  std::vector<TrackStep> steps;
  for (StepRequest& request : requests) {
    PromptRequest& what = request.request;
    steps.push_back({.frame = request.frame,
                     .object = request.object,
                     .prompt = {.points = std::move(what.prompt.points),
                                .labels = std::move(what.prompt.labels),
                                .box = what.prompt.box},
                     .mask_file = std::move(what.mask_file),
                     .mask_text = std::move(what.mask_text)});
  }
  return steps;
}

Result<std::vector<TrackStep>> steps_of_options(const TrackPromptOptions& options) {
  StepTable table;
  for (const std::string& text : options.points) FACET_RETURN_IF_ERROR(table.add_point(text));
  for (const std::string& text : options.boxes) FACET_RETURN_IF_ERROR(table.add_box(text));
  for (const std::string& text : options.masks) FACET_RETURN_IF_ERROR(table.add_mask(text));
  return std::move(table).steps();
}

}  // namespace

void bind_track_prompts(CLI::App& command, TrackPromptOptions& options) {
  command.add_option("--point", options.points, "a pixel on object OBJ in frame FRAME; LABEL 0: not on it")
      ->type_name("FRAME:OBJ:X,Y[,LABEL]")
      ->allow_extra_args(false);
  command.add_option("--box", options.boxes, "corners of a box around the object")
      ->type_name("FRAME:OBJ:X0,Y0,X1,Y1")
      ->allow_extra_args(false);
  command.add_option("--mask", options.masks, "the object's mask: a PNG or TIFF of the video's size")
      ->type_name("FRAME:OBJ:FILE")
      ->allow_extra_args(false);
  command
      .add_option("--prompts", options.file,
                  "a JSON list of steps with frame, obj, and points, labels, box or mask")
      ->type_name("STEPS.json");
}

Result<std::vector<TrackStep>> parse_track_prompts(const TrackPromptOptions& options) {
  const bool direct = !options.points.empty() || !options.boxes.empty() || !options.masks.empty();
  if (direct && !options.file.empty()) {
    return Status(StatusCode::Usage, "--prompts cannot be combined with --point, --box and --mask");
  }
  if (!direct && options.file.empty()) {
    return Status(StatusCode::BadPrompt, "no prompt: give --point, --box, --mask or --prompts");
  }
  FACET_ASSIGN_OR_RETURN(std::vector<TrackStep> steps,
                         direct ? steps_of_options(options) : steps_of_file(options.file));
  for (const TrackStep& step : steps) FACET_RETURN_IF_ERROR(check_object(step.object));
  return steps;
}

Status load_step_masks(std::vector<TrackStep>& steps, Size video) {
  for (TrackStep& step : steps) {
    if (step.mask_file.empty()) continue;
    FACET_ASSIGN_OR_RETURN(step.prompt.mask, io::read_mask(step.mask_file, video));
  }
  return {};
}

std::string describe_steps(const std::vector<TrackStep>& steps) {
  std::string text;
  for (const TrackStep& step : steps) {
    text += fmt::format("{}:{}", step.frame, step.object);
    for (std::size_t i = 0; i < step.prompt.points.size(); ++i) {
      text +=
          fmt::format(" {},{},{}", step.prompt.points[i].x, step.prompt.points[i].y, step.prompt.labels[i]);
    }
    if (const auto& box = step.prompt.box) {
      text += fmt::format(" [{},{},{},{}]", box->x0, box->y0, box->x1, box->y1);
    }
    if (!step.mask_text.empty()) text += " " + step.mask_text;
    text += ";";
  }
  return text;
}

}  // namespace facet::cli
