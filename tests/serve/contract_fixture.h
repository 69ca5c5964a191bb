#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "facet/automatic_masks.h"
#include "facet/masks.h"
#include "facet/picture.h"
#include "facet/predictor.h"
#include "serve/serve_process.h"

namespace facet::serve_tests {

Picture decoded_png(const std::string& base64);
/// The mask in a PNG of 0 and 255.
Rle mask_in_png(const std::string& base64);
Rle rle_of(const Json& json);

/// What the library itself answers to a prompt on the test's picture.
ObjectPrediction expected_masks(const Prompt& prompt, bool multimask);

/// Nine points, every mask of which is kept, and what the library finds with these.
inline const Json kFewPoints = {
    {"points_per_side", 3}, {"pred_iou_thresh", 0}, {"stability_score_thresh", 0}, {"box_nms_thresh", 1}};
const std::vector<AutomaticMask>& expected_everything();

/// One server for the tests of a contract.
class ContractTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() { server_.reset(); }
  /// The test's picture; its id.
  static std::string upload();
  static inline std::unique_ptr<ServeProcess> server_;
  const Prompt point_ = {.points = {{40, 60}}, .labels = {1}};
};

}  // namespace facet::serve_tests
