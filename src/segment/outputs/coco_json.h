#pragma once

#include <span>
#include <string>

#include "facet/results.h"

namespace facet::segment {

enum class CocoSegmentation {
  Rle,      ///< compressed run lengths: exact
  Polygons  ///< outlines along pixel edges; a mask with holes, which COCO polygons cannot have, stays RLE
};

struct CocoOptions {
  CocoSegmentation segmentation = CocoSegmentation::Rle;
  double tolerance_px = 0.0;  ///< by how much polygons may be simplified
  std::string description = "Masks by Facet";
  std::string date_created;                 ///< written as it is; the library reads no clock
  std::string default_category = "object";  ///< of masks without a label
};

/// A whole COCO data set, as pycocotools loads it: info, licenses, images, annotations, categories. Ids count
/// from 1 in the order given; categories are the labels in order of their first appearance. Annotations carry
/// the predicted IoU as `score` besides COCO's own fields. Text that is not UTF-8 is made so.
///
/// Errors  ContractError when a mask is not of its picture's size
[[nodiscard]] std::string coco_json(std::span<const PictureMasks> pictures, const CocoOptions& options = {});

}  // namespace facet::segment
