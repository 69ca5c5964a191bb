#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <system_error>

#include "cli/prompts.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using ParsedJson = nlohmann::json;

constexpr std::array<std::string_view, 4> kKeys = {"points", "labels", "box", "mask"};
constexpr std::array<std::string_view, 8> kStepKeys = {"points", "labels", "box",        "mask",
                                                       "frame",  "obj",    "object_ids", "areas"};

Status bad(std::string message) { return {StatusCode::BadPrompt, std::move(message)}; }

/// A finite float.
bool is_coordinate(const ParsedJson& value) {
  return value.is_number() && std::isfinite(static_cast<float>(value.get<double>()));
}

bool is_list_of_coordinates(const ParsedJson& value, std::size_t size) {
  if (!value.is_array() || value.size() != size) return false;
  return std::all_of(value.begin(), value.end(), is_coordinate);
}

Status read_points(const ParsedJson& value, Prompt& prompt) {
  if (!value.is_array())
    return bad(fmt::format("points: expected a list of [x, y], found {}", value.type_name()));
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!is_list_of_coordinates(value[i], 2)) {
      return bad(fmt::format("points[{}]: expected two finite numbers [x, y]", i));
    }
    prompt.points.push_back({value[i][0].get<float>(), value[i][1].get<float>()});
  }
  return {};
}

Status read_labels(const ParsedJson& value, Prompt& prompt) {
  if (!value.is_array()) return bad(fmt::format("labels: expected a list, found {}", value.type_name()));
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != 0 && value[i] != 1) {
      return bad(fmt::format("labels[{}]: expected 1 (object) or 0 (background)", i));
    }
    prompt.labels.push_back(value[i].get<int>());
  }
  return {};
}

Status read_box(const ParsedJson& value, Prompt& prompt) {
  if (!is_list_of_coordinates(value, 4)) return bad("box: expected four finite numbers [x0, y0, x1, y1]");
  prompt.box =
      Box{value[0].get<float>(), value[1].get<float>(), value[2].get<float>(), value[3].get<float>()};
  return {};
}

Status read_mask_name(const ParsedJson& value, const fs::path& folder, PromptRequest& request) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    return bad("mask: expected a file name");
  request.mask_text = value.get<std::string>();
  request.mask_file = folder / request.mask_text;
  std::error_code error;
  if (!fs::exists(request.mask_file, error)) request.mask_file = request.mask_text;
  return {};
}

Status check_keys(const ParsedJson& value, std::span<const std::string_view> keys) {
  if (!value.is_object()) return bad(fmt::format("expected an object, found {}", value.type_name()));
  for (const auto& [key, unused] : value.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    return bad(fmt::format("unknown key '{}': expected {}", key, fmt::join(keys, ", ")));
  }
  return {};
}

Result<PromptRequest> read_prompt(const ParsedJson& value, const fs::path& folder) {
  PromptRequest request;
  const auto given = [&value](const char* key) { return value.contains(key) && !value[key].is_null(); };
  if (given("points")) FACET_RETURN_IF_ERROR(read_points(value["points"], request.prompt));
  if (given("labels")) FACET_RETURN_IF_ERROR(read_labels(value["labels"], request.prompt));
  if (!given("labels")) request.prompt.labels.assign(request.prompt.points.size(), 1);
  if (given("box")) FACET_RETURN_IF_ERROR(read_box(value["box"], request.prompt));
  if (given("mask")) FACET_RETURN_IF_ERROR(read_mask_name(value["mask"], folder, request));
  if (request.prompt.points.size() != request.prompt.labels.size()) {
    return bad(
        fmt::format("{} points but {} labels", request.prompt.points.size(), request.prompt.labels.size()));
  }
  if (request.prompt.points.empty() && !request.prompt.box && request.mask_file.empty()) {
    return bad("no prompt: expected points, a box or a mask");
  }
  return request;
}

Result<int> read_number(const ParsedJson& value, const char* key) {
  if (!value.contains(key) || !value[key].is_number_integer()) {
    return bad(fmt::format("{}: expected a whole number", key));
  }
  const auto number = value[key].get<std::int64_t>();
  if (number < 0 || number > std::numeric_limits<int>::max()) {
    return bad(fmt::format("{}: expected 0 or more, found {}", key, number));
  }
  return static_cast<int>(number);
}

Result<StepRequest> read_step(const ParsedJson& value, const fs::path& folder) {
  StepRequest step;
  FACET_ASSIGN_OR_RETURN(step.frame, read_number(value, "frame"));
  FACET_ASSIGN_OR_RETURN(step.object, read_number(value, "obj"));
  FACET_ASSIGN_OR_RETURN(step.request, read_prompt(value, folder));
  return step;
}

Result<ParsedJson> parse_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return bad(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  try {
    return ParsedJson::parse(stream);
  } catch (const ParsedJson::exception& error) {
    return bad(fmt::format("{}: not JSON: {}", path.string(), error.what()));
  }
}

/// Each entry of the file's list by `read`; a message names the file, and the entry by its index.
template <typename Entry>
Result<std::vector<Entry>> read_list(const fs::path& path, const char* what,
                                     std::span<const std::string_view> keys,
                                     Result<Entry> (*read)(const ParsedJson& value, const fs::path& folder)) {
  FACET_ASSIGN_OR_RETURN(const ParsedJson document, parse_file(path));
  if (!document.is_array()) {
    return bad(
        fmt::format("{}: expected a list of {}s, found {}", path.string(), what, document.type_name()));
  }
  if (document.empty()) return bad(fmt::format("{}: no prompt: the list is empty", path.string()));
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const std::string context = fmt::format("{}: {} {}", path.string(), what, i);
    FACET_RETURN_IF_ERROR(check_keys(document[i], keys).with_context(context));
    Result<Entry> entry = read(document[i], path.parent_path());
    if (!entry.ok()) return entry.status().with_context(context);
    entries.push_back(std::move(entry).value());
  }
  return entries;
}

}  // namespace

Result<std::vector<PromptRequest>> read_prompts_file(const fs::path& path) {
  return read_list<PromptRequest>(path, "prompt", kKeys, read_prompt);
}

Result<std::vector<StepRequest>> read_steps_file(const fs::path& path) {
  return read_list<StepRequest>(path, "step", kStepKeys, read_step);
}

}  // namespace facet::cli
