#pragma once

#include <string>
#include <vector>

#include "cli/io.h"
#include "cli/step_errors.h"
#include "facet/image.h"
#include "facet/masks.h"
#include "facet/model.h"

namespace facet::cli {

/// What a precision must keep to.
struct VerifyLimits {
  double mean_iou = 0.99;        ///< of masks with those of the model it is held against
  double embedding_error = 1;    ///< relative
  double step_error = 0.05;      ///< from which on a step counts as departed
  double golden_error = 1;       ///< of embeddings and logits with the reference code's, relative
  double golden_area_error = 1;  ///< of mask areas, relative
};
/// fp32: to rounding; bf16: mean IoU 0.99; int8: 0.98.
[[nodiscard]] VerifyLimits verify_limits(const std::string& precision);

/// How two models agree on one picture.
struct PictureAgreement {
  std::string picture;
  double embedding_error = 0;
  std::vector<StepError> steps;
  std::vector<double> click_ious;  ///< of each click's best mask
  std::vector<double> box_ious;    ///< of the mask in the box of each click's best mask
};

struct VerifyPicture {
  std::string name;
  Image image;
};

/// Runs both on a picture: clicks on a grid of `side` x `side` points and a box around each click's best
/// mask. The best mask is the one that `expected` scores highest; of `tested` the same output is taken.
/// Errors  those of predicting; Cancelled
Result<PictureAgreement> compare_models(const ModelPtr& tested, const ModelPtr& expected,
                                        const VerifyPicture& picture, int threads, int side, Io& io);

/// IoU, where two empty masks agree.
[[nodiscard]] double agreement(const Rle& a, const Rle& b);

}  // namespace facet::cli
