#include "facet/results.h"

namespace facet {

MaskRecord make_mask_record(Rle rle, float predicted_iou) {
  MaskRecord record;
  record.area = rle_area(rle);
  record.bbox = rle_bbox(rle);
  record.predicted_iou = predicted_iou;
  record.rle = std::move(rle);
  return record;
}

}  // namespace facet
