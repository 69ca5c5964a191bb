#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/cli11_fwd.h"
#include "facet/predictor.h"
#include "facet/status.h"

namespace facet::cli {

/// The prompt options as the user wrote them.
struct PromptOptions {
  std::vector<std::string> points;  ///< "X,Y" or "X,Y,LABEL"
  std::vector<std::string> boxes;   ///< "X0,Y0,X1,Y1"
  std::string mask;                 ///< a file
  std::string file;                 ///< JSON
};

/// --point, --box, --mask, --prompts
void bind_prompts(CLI::App& command, PromptOptions& options);

/// A prompt whose mask is still a file, because only the picture's size tells whether it fits.
struct PromptRequest {
  Prompt prompt;
  std::filesystem::path mask_file;  ///< empty = no mask
  std::string mask_text;            ///< the file as the user named it
};

/// All points, with a single box or the mask, are one object; each of several boxes is one of its own.
/// Errors  Usage: text that is not of the form asked for, points or a mask with several boxes, --prompts
///         with other prompts; BadPrompt: nothing at all, numbers that are not finite, labels other than 0
///         and 1, and as read_prompts_file
Result<std::vector<PromptRequest>> parse_prompts(const PromptOptions& options);

/// Reads a JSON list of {"points": [[x, y], ...], "labels": [...], "box": [x0, y0, x1, y1], "mask": "file"}.
/// Points without labels are on the object. A mask's relative path starts at the JSON file's folder, else at
/// the current one.
/// Errors  BadPrompt naming the file, and the prompt by its index: not JSON, unknown keys, wrong types
Result<std::vector<PromptRequest>> read_prompts_file(const std::filesystem::path& path);

/// Reads the mask files: pictures of the picture's size (PNG, TIFF), or low-resolution logits, [256, 256] or
/// with leading ones, in .npy or .safetensors.
/// Errors  BadPrompt naming the file, what was expected and found
Result<std::vector<Prompt>> load_prompt_masks(std::vector<PromptRequest> requests, Size picture,
                                              const ModelInfo& model);

}  // namespace facet::cli
