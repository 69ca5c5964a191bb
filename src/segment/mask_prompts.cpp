#include <algorithm>

#include "core/check.h"
#include "facet/predictor.h"
#include "models/sam_model.h"

namespace facet {

std::shared_ptr<const Tensor> mask_to_logits(const Bitmap& mask, const ModelInfo& model) {
  FACET_CHECK(mask.bits.size() == std::size_t(mask.size.height) * mask.size.width,
              "the mask's bits do not fill it");
  // As for SAM 2's drawn masks: +10 inside, -10 outside, averaged over the pixels that a low-resolution cell
  // covers.
  const int longer = std::max(mask.size.height, mask.size.width);
  const double rows = double(Model::kLowRes) / (model.keeps_aspect ? longer : mask.size.height);
  const double columns = double(Model::kLowRes) / (model.keeps_aspect ? longer : mask.size.width);
  Tensor logits(Shape({Model::kLowRes, Model::kLowRes}));
  for (int y = 0; y < Model::kLowRes; ++y) {
    const int y0 = int(y / rows);
    const int y1 = std::max(y0 + 1, int((y + 1) / rows));
    for (int x = 0; x < Model::kLowRes; ++x) {
      const int x0 = int(x / columns);
      const int x1 = std::max(x0 + 1, int((x + 1) / columns));
      int inside = 0;
      int seen = 0;
      for (int row = y0; row < std::min(y1, mask.size.height); ++row) {
        for (int column = x0; column < std::min(x1, mask.size.width); ++column) {
          inside += mask.bits[std::size_t(row) * mask.size.width + column] != 0 ? 1 : 0;
          ++seen;
        }
      }
      const double share = seen == 0 ? 0.0 : double(inside) / seen;
      logits.data<float>()[y * Model::kLowRes + x] = static_cast<float>(20.0 * share - 10.0);
    }
  }
  return std::make_shared<const Tensor>(std::move(logits));
}

}  // namespace facet
