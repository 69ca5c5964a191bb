#include "cli/prompts.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

namespace facet::cli {
namespace {

/// The numbers between commas; nothing where one of them is not a number. "nan" and "inf" are.
std::optional<std::vector<double>> split_numbers(std::string_view text) {
  std::vector<double> numbers;
  while (true) {
    const std::string_view field = text.substr(0, text.find(','));
    double number = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
    if (error == std::errc::result_out_of_range) number = HUGE_VAL;
    if (error == std::errc::invalid_argument || end != field.data() + field.size()) return std::nullopt;
    numbers.push_back(number);
    if (field.size() == text.size()) return numbers;
    text.remove_prefix(field.size() + 1);
  }
}

Status malformed(std::string_view option, const std::string& text, std::string_view expected) {
  return {StatusCode::Usage, fmt::format("{} '{}': expected {}", option, text, expected)};
}

Status check_finite(std::string_view option, const std::string& text, const std::vector<double>& numbers) {
  for (const double number : numbers) {
    if (std::isfinite(static_cast<float>(number))) continue;
    return {StatusCode::BadPrompt, fmt::format("{} '{}': expected finite numbers", option, text)};
  }
  return {};
}

Status check_combination(const PromptOptions& options) {
  const bool direct = !options.points.empty() || !options.boxes.empty() || !options.mask.empty();
  if (direct && !options.file.empty()) {
    return {StatusCode::Usage, "--prompts cannot be combined with --point, --box and --mask"};
  }
  if (options.boxes.size() > 1 && (!options.points.empty() || !options.mask.empty())) {
    return {StatusCode::Usage,
            fmt::format("{} with {} boxes: each of several boxes is an object of its own, so it is not clear "
                        "which one is meant; use --prompts",
                        options.points.empty() ? "--mask" : "--point", options.boxes.size())};
  }
  if (direct || !options.file.empty()) return {};
  return {StatusCode::BadPrompt, "no prompt: give --point, --box, --mask or --prompts"};
}

}  // namespace

Status add_point(std::string_view option, const std::string& text, Prompt& prompt) {
  const auto numbers = split_numbers(text);
  if (!numbers || numbers->size() < 2 || numbers->size() > 3) {
    return malformed(option, text, "X,Y or X,Y,LABEL, in pixels");
  }
  FACET_RETURN_IF_ERROR(check_finite(option, text, *numbers));
  const double label = numbers->size() == 3 ? (*numbers)[2] : 1;
  if (label != 0 && label != 1) {
    return {
        StatusCode::BadPrompt,
        fmt::format("{} '{}': expected label 1 (object) or 0 (background), found {}", option, text, label)};
  }
  prompt.points.push_back({static_cast<float>((*numbers)[0]), static_cast<float>((*numbers)[1])});
  prompt.labels.push_back(static_cast<int>(label));
  return {};
}

Result<Box> parse_box(std::string_view option, const std::string& text) {
  const auto numbers = split_numbers(text);
  if (!numbers || numbers->size() != 4) return malformed(option, text, "X0,Y0,X1,Y1, in pixels");
  FACET_RETURN_IF_ERROR(check_finite(option, text, *numbers));
  return Box{static_cast<float>((*numbers)[0]), static_cast<float>((*numbers)[1]),
             static_cast<float>((*numbers)[2]), static_cast<float>((*numbers)[3])};
}

void bind_prompts(CLI::App& command, PromptOptions& options) {
  command.add_option("--point", options.points, "a pixel on the object; with LABEL 0, on the background")
      ->type_name("X,Y[,LABEL]")
      ->allow_extra_args(false);
  command.add_option("--box", options.boxes, "corners of a box around an object")
      ->type_name("X0,Y0,X1,Y1")
      ->allow_extra_args(false);
  command
      .add_option("--mask", options.mask,
                  "a mask of the picture's size (PNG, TIFF), or logits (.npy, .safetensors)")
      ->type_name("FILE");
  command.add_option("--prompts", options.file, "a JSON list of objects with points, labels, box, mask")
      ->type_name("FILE.json");
}

Result<std::vector<PromptRequest>> parse_prompts(const PromptOptions& options) {
  FACET_RETURN_IF_ERROR(check_combination(options));
  if (!options.file.empty()) return read_prompts_file(options.file);
  std::vector<PromptRequest> requests;
  if (!options.points.empty() || !options.mask.empty()) {
    PromptRequest& first = requests.emplace_back();
    for (const std::string& text : options.points)
      FACET_RETURN_IF_ERROR(add_point("--point", text, first.prompt));
    first.mask_file = first.mask_text = options.mask;
  }
  const bool joined = !requests.empty();
  for (const std::string& text : options.boxes) {
    if (!joined) requests.emplace_back();
    FACET_ASSIGN_OR_RETURN(requests.back().prompt.box, parse_box("--box", text));
  }
  return requests;
}

}  // namespace facet::cli
