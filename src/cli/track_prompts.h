#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/cli11_fwd.h"
#include "facet/image.h"
#include "facet/status.h"
#include "facet/video_session.h"

namespace facet::cli {

/// The prompt options of `facet track` as the user wrote them.
struct TrackPromptOptions {
  std::vector<std::string> points;  ///< "FRAME:OBJ:X,Y" or "FRAME:OBJ:X,Y,LABEL"
  std::vector<std::string> boxes;   ///< "FRAME:OBJ:X0,Y0,X1,Y1"
  std::vector<std::string> masks;   ///< "FRAME:OBJ:FILE"
  std::string file;                 ///< JSON
};

/// --point, --box, --mask, --prompts
void bind_track_prompts(CLI::App& command, TrackPromptOptions& options);

/// One prompt for the session.
struct TrackStep {
  int frame = 0;
  int object = 0;
  VideoPrompt prompt;
  std::filesystem::path mask_file;  ///< empty = no mask
  std::string mask_text;            ///< the file as the user named it
};

/// The steps of a JSON file in its order. From options, one step a frame and object, by frame and then by
/// object: its points and its box together.
/// Errors  Usage: text that is not of the form asked for, two boxes or masks for one object on one frame,
///         --prompts with other prompts; BadPrompt: nothing at all, an object's number outside 1 to 65535,
///         and as parse_prompts
Result<std::vector<TrackStep>> parse_track_prompts(const TrackPromptOptions& options);

/// Reads the steps' mask files.   Errors  BadPrompt naming the file, what was expected and found
Status load_step_masks(std::vector<TrackStep>& steps, Size video);

/// The steps as text: equal for equal steps.
std::string describe_steps(const std::vector<TrackStep>& steps);

}  // namespace facet::cli
