#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/io.h"
#include "facet/model.h"

namespace facet::cli {

/// Numbers that the reference code gave for one model on one picture, and how far this engine is from them.
struct GoldenAgreement {
  std::string name;
  double embedding_error = 0;  ///< relative
  double logits_error = 0;     ///< relative, the worst prompt
  double score_error = 0;      ///< absolute, the worst
  double area_error = 0;       ///< relative, the worst; differences of two pixels are none
  std::vector<double> ious;    ///< with the reference's masks, where the golden has them
  std::string skipped;         ///< why it was not compared; empty = it was
};

/// Where goldens lie and which of them are meant.
struct GoldenFolder {
  std::filesystem::path path;                   ///< NAME.json with NAME.safetensors
  std::vector<std::filesystem::path> pictures;  ///< folders and files where their pictures may be, besides
  std::int64_t seed = 0;                        ///< of the weights; 0 = the published ones
};

/// Compares a model with every golden of its architecture and this seed.
/// Errors  BadModel when the folder holds no such golden or one is damaged; those of predicting; Cancelled
Result<std::vector<GoldenAgreement>> check_goldens(const ModelPtr& model, const GoldenFolder& folder,
                                                   int threads, Io& io);

/// "sam_vit_b" for the goldens' "vit_b", "sam2.1_hiera_tiny" for "sam2.1/sam2.1_hiera_t".
[[nodiscard]] std::string architecture_of_golden(const std::string& model);

}  // namespace facet::cli
