#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "cli/cli11_fwd.h"
#include "facet/image.h"
#include "facet/predictor.h"
#include "facet/results.h"
#include "facet/status.h"

namespace facet::cli {

/// The files that a command can write for a picture NAME.
enum class OutputKind {
  Overlay,     ///< NAME_overlay.png
  Masks,       ///< NAME_mask_SUFFIX.png, one a mask, black and white
  Labels,      ///< NAME_labels.png, 16 bits: 0 = nothing, i + 1 = object i
  LabelsTiff,  ///< NAME_labels.tif, the same
  Json,        ///< NAME.json, what --json prints
  Coco,        ///< NAME_coco.json
  Csv,         ///< NAME.csv
  Polygons,    ///< NAME_polygons.json
};

/// Where results go and which.
struct OutputOptions {
  std::string folder;              ///< empty = facet-out, or nothing with --json
  std::vector<std::string> kinds;  ///< as the user wrote them; empty = the command's own
  bool json = false;
};

/// -o, --write, --json
void bind_output(CLI::App& command, OutputOptions& options, const std::string& default_kinds);

/// Where results go unless -o says otherwise.
inline constexpr const char* kDefaultFolder = "facet-out";
/// Makes the folder with those it lies in.   Errors  OutputFailed, also when it cannot be written into
Status make_folder(const std::filesystem::path& folder);

/// What will be written, and where; nothing when `kinds` is empty.
struct OutputPlan {
  std::filesystem::path folder;
  std::set<OutputKind> kinds;
};

/// Makes the folder, so that a long run does not end at one that cannot be written.
/// Errors  Usage for an unknown kind; OutputFailed
Result<OutputPlan> plan_output(const OutputOptions& options, const std::set<OutputKind>& default_kinds);

/// One mask as a file of its own.
struct MaskFile {
  std::string suffix;
  const Rle* rle;
};

/// What there is to write for one picture.   Lifetime  borrows the picture and the masks
struct PictureResults {
  std::string name;  ///< NAME
  const Image* image;
  PictureMasks shown;  ///< one mask an object: overlay, labels, COCO, CSV, polygons
  std::vector<MaskFile> masks;
  std::string document;       ///< JSON
  std::vector<Point> points;  ///< prompts, drawn on the overlay
  std::vector<int> labels;
  std::vector<Box> boxes;
};

/// Writes each file whole or not at all; gives their paths.   Errors  OutputFailed
Result<std::vector<std::filesystem::path>> write_results(const PictureResults& results,
                                                         const OutputPlan& plan);

/// The picture's file name without its ending; a name that `taken` has is given a number.
std::string result_name(const std::filesystem::path& picture, std::set<std::string>& taken);

}  // namespace facet::cli
