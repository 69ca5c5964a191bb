#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/prompts.h"
#include "facet/automatic_masks.h"
#include "facet/picture.h"
#include "facet/predictor.h"

namespace facet::cli {

/// Milliseconds of each step.
struct Timings {
  double load = 0;     ///< the model
  double decode = 0;   ///< the picture
  double encode = 0;   ///< the image encoder
  double predict = 0;  ///< prompts to masks; for automatic masks everything
};

/// What every document says about a picture and its model.
struct DocumentHead {
  std::string image;  ///< as the user named it
  Size size;
  ModelInfo model;
  Timings timings;
  std::optional<SampleWindow> window;
};

/// How run lengths are written: COCO's compressed text, or the list of lengths.
enum class RleForm { Compressed, Uncompressed };

/// The document of `facet predict`: image, height, width, model, precision, timings_ms, objects; `window`
/// where one was applied, and `below_min_score` in an object of which no mask reached the score.
[[nodiscard]] std::string predict_document(const DocumentHead& head, std::span<const Prompt> prompts,
                                           std::span<const std::string> mask_files,
                                           std::span<const ObjectPrediction> objects);

/// The document of `facet everything` for one picture: the same head, and masks.
[[nodiscard]] std::string everything_document(const DocumentHead& head, std::span<const AutomaticMask> masks,
                                              RleForm form);

/// A picture that failed, in the list of several.
[[nodiscard]] std::string failure_document(const std::string& image, const Status& status);

/// Several documents as one: a list.
[[nodiscard]] std::string document_list(std::span<const std::string> documents);

}  // namespace facet::cli
