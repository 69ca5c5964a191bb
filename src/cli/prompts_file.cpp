#include <fmt/format.h>

#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "cli/prompts.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kKeys = {"points", "labels", "box", "mask"};

Status bad(std::string message) { return {StatusCode::BadPrompt, std::move(message)}; }

/// A finite float.
bool is_coordinate(const Json& value) {
  return value.is_number() && std::isfinite(static_cast<float>(value.get<double>()));
}

bool is_list_of_coordinates(const Json& value, std::size_t size) {
  if (!value.is_array() || value.size() != size) return false;
  return std::all_of(value.begin(), value.end(), is_coordinate);
}

Status read_points(const Json& value, Prompt& prompt) {
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

Status read_labels(const Json& value, Prompt& prompt) {
  if (!value.is_array()) return bad(fmt::format("labels: expected a list, found {}", value.type_name()));
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != 0 && value[i] != 1) {
      return bad(fmt::format("labels[{}]: expected 1 (object) or 0 (background)", i));
    }
    prompt.labels.push_back(value[i].get<int>());
  }
  return {};
}

Status read_box(const Json& value, Prompt& prompt) {
  if (!is_list_of_coordinates(value, 4)) return bad("box: expected four finite numbers [x0, y0, x1, y1]");
  prompt.box =
      Box{value[0].get<float>(), value[1].get<float>(), value[2].get<float>(), value[3].get<float>()};
  return {};
}

Status read_mask_name(const Json& value, const fs::path& folder, PromptRequest& request) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    return bad("mask: expected a file name");
  request.mask_text = value.get<std::string>();
  request.mask_file = folder / request.mask_text;
  std::error_code error;
  if (!fs::exists(request.mask_file, error)) request.mask_file = request.mask_text;
  return {};
}

Status check_keys(const Json& value) {
  if (!value.is_object()) return bad(fmt::format("expected an object, found {}", value.type_name()));
  for (const auto& [key, unused] : value.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) continue;
    return bad(fmt::format("unknown key '{}': expected points, labels, box and mask", key));
  }
  return {};
}

Result<PromptRequest> read_prompt(const Json& value, const fs::path& folder) {
  FACET_RETURN_IF_ERROR(check_keys(value));
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

Result<Json> parse_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return bad(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  try {
    return Json::parse(stream);
  } catch (const Json::exception& error) {
    return bad(fmt::format("{}: not JSON: {}", path.string(), error.what()));
  }
}

}  // namespace

Result<std::vector<PromptRequest>> read_prompts_file(const fs::path& path) {
  FACET_ASSIGN_OR_RETURN(const Json document, parse_file(path));
  if (!document.is_array()) {
    return bad(fmt::format("{}: expected a list of prompts, found {}", path.string(), document.type_name()));
  }
  if (document.empty()) return bad(fmt::format("{}: no prompt: the list is empty", path.string()));
  std::vector<PromptRequest> requests;
  for (std::size_t i = 0; i < document.size(); ++i) {
    Result<PromptRequest> request = read_prompt(document[i], path.parent_path());
    if (!request.ok()) return request.status().with_context(fmt::format("{}: prompt {}", path.string(), i));
    requests.push_back(std::move(request).value());
  }
  return requests;
}

}  // namespace facet::cli
