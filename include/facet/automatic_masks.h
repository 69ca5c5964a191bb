#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"
#include "facet/predictor.h"

namespace facet {

/// The options of the reference generators, with their names and defaults.
struct AutomaticMaskOptions {
  int points_per_side = 32;  ///< grid of points_per_side^2 points; unused when point_grids is set
  int points_per_batch = 64;
  std::optional<float> pred_iou_thresh;  ///< nothing: 0.88, with SAM 2 0.8, as their references have it
  float stability_score_thresh = 0.95F;
  float stability_score_offset = 1.0F;
  float box_nms_thresh = 0.7F;
  int crop_n_layers = 0;  ///< layer i adds 4^i crops
  float crop_nms_thresh = 0.7F;
  float crop_overlap_ratio = 512.0F / 1500.0F;
  int crop_n_points_downscale_factor = 1;
  std::vector<std::vector<Point>> point_grids;  ///< own points in [0, 1] x [0, 1], one list a crop layer
  int min_mask_region_area = 0;                 ///< holes and islands below it are removed, in pixels
  bool multimask_output = true;                 ///< three masks a point; else the single-mask output
  bool use_m2m = false;                         ///< each mask is decoded once more with itself as a prompt
  std::function<void(int done, int total)> progress;  ///< batches of points; from the calling thread
  std::function<void()> between_blocks;  ///< as EncodeOptions::between_blocks, also between the decoder's
  std::stop_token stop;
};

/// One mask that nobody asked for.
struct AutomaticMask {
  Rle rle;
  std::int64_t area = 0;
  BoxXywh bbox;
  float predicted_iou = 0;
  float stability_score = 0;
  Point point;       ///< the grid point that gave it, in pixels of the picture
  BoxXywh crop_box;  ///< the crop it was found in
};

/// Segments everything in a picture by asking at the points of a grid and keeping what is stable.
/// Threads  as Predictor
class AutomaticMaskGenerator {
 public:
  AutomaticMaskGenerator(ModelPtr model, AutomaticMaskOptions options,
                         PredictorOptions predictor_options = {});
  /// Runs on a predictor that is there already, in its memory.
  /// Lifetime  `predictor` outlives it   Threads  nobody else uses `predictor` meanwhile
  AutomaticMaskGenerator(Predictor& predictor, AutomaticMaskOptions options);
  /// Errors  Usage for options out of range; BadPicture; Cancelled; OutOfMemory
  Result<std::vector<AutomaticMask>> generate(const Image& image);
  /// The same from what `set_image` made of the whole picture; `image` is what crops are cut from, and not
  /// needed without them.   Errors  as above; Usage where it is missing; BadModel: another model's embedding
  Result<std::vector<AutomaticMask>> generate(const Embedding& whole, const Image* image = nullptr);

 private:
  Result<std::vector<AutomaticMask>> run(const Embedding* whole, const Image* image);
  std::unique_ptr<Predictor> own_;  // null: the predictor is another's
  Predictor& predictor_;
  AutomaticMaskOptions options_;
};

}  // namespace facet
