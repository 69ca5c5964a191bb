#pragma once

#include <string>
#include <vector>

#include "cli/golden_check.h"
#include "cli/verify_run.h"

namespace facet::cli {

/// What `facet verify` found.
struct VerifyDocument {
  ModelInfo model;
  std::string against;  ///< "fp32", "fp32 on the plain kernels"; empty = only goldens were compared
  VerifyLimits limits;
  std::vector<PictureAgreement> pictures;
  std::vector<GoldenAgreement> goldens;

  /// Of all clicks and boxes of all pictures; 1 without any.
  [[nodiscard]] double mean_iou() const;
  [[nodiscard]] double min_iou() const;
  /// The first step whose error passes the limit, in any picture; empty = none.
  [[nodiscard]] std::string first_departure() const;
  /// What misses its limit, a line each; empty = all is within.
  [[nodiscard]] std::vector<std::string> failures() const;
};

/// `all_steps` also lists the steps where none departs.
[[nodiscard]] std::string verify_text(const VerifyDocument& document, bool all_steps);
[[nodiscard]] std::string verify_json(const VerifyDocument& document);

}  // namespace facet::cli
