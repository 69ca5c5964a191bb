#include "cli/saved_tensors.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/check.h"
#include "io/safetensors_writer.h"

namespace facet::cli {
namespace {

/// [1, H, W, C] -> [1, C, H, W]
Tensor channels_first(const Tensor& x) {
  const std::int64_t pixels = x.shape()[1] * x.shape()[2];
  const std::int64_t channels = x.shape()[3];
  Tensor out(Shape{1, channels, x.shape()[1], x.shape()[2]});
  const auto from = x.data<float>();
  const auto to = out.data<float>();
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    for (std::int64_t c = 0; c < channels; ++c) to[c * pixels + pixel] = from[pixel * channels + c];
  }
  return out;
}

/// High-resolution features, sub-pixels beside their pixel, each round of which halves a side
/// -> [1, C, side, side], side = 64 << rounds
Tensor unfold_subpixels(const Tensor& x, int rounds) {
  constexpr std::int64_t kGrid = 64;
  const std::int64_t side = kGrid << rounds;
  const std::int64_t channels = x.shape()[2];
  Tensor out(Shape{1, channels, side, side});
  const auto from = x.data<float>();
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t column = 0; column < side; ++column) {
      std::int64_t at = (row >> rounds) * kGrid + (column >> rounds);
      for (int bit = rounds - 1; bit >= 0; --bit) at = at * 4 + (row >> bit) % 2 * 2 + (column >> bit) % 2;
      for (std::int64_t c = 0; c < channels; ++c) {
        out.data<float>()[(c * side + row) * side + column] = from[at * channels + c];
      }
    }
  }
  return out;
}

Tensor stack_logits(std::span<const ObjectPrediction> objects, std::int64_t masks) {
  const Shape& one = objects[0].masks[0].low_res_logits.shape();
  Tensor out(Shape{std::int64_t(objects.size()), masks, one[0], one[1]});
  auto to = out.data<float>().begin();
  for (const ObjectPrediction& object : objects) {
    for (const MaskPrediction& mask : object.masks) {
      const auto from = mask.low_res_logits.data<float>();
      to = std::copy(from.begin(), from.end(), to);
    }
  }
  return out;
}

Tensor stack_scores(std::span<const ObjectPrediction> objects, std::int64_t masks) {
  Tensor out(Shape{std::int64_t(objects.size()), masks});
  auto to = out.data<float>().begin();
  for (const ObjectPrediction& object : objects) {
    for (const MaskPrediction& mask : object.masks) *to++ = mask.score;
  }
  return out;
}

}  // namespace

Status save_tensors(const std::filesystem::path& path, const Tensor& input, const Embedding& embedding,
                    std::span<const ObjectPrediction> objects) {
  FACET_CHECK(!objects.empty(), "save_tensors: no objects");
  const std::size_t masks = objects[0].masks.size();
  for (const ObjectPrediction& object : objects) {
    FACET_CHECK(object.masks.size() == masks, "save_tensors: objects differ in their number of masks");
  }
  const Tensor features = channels_first(*embedding.features);
  const Tensor logits = stack_logits(objects, std::int64_t(masks));
  const Tensor scores = stack_scores(objects, std::int64_t(masks));
  std::vector<io::NamedTensor> tensors = {{"input", input.view()},
                                          {"embedding", features.view()},
                                          {"low_res_logits", logits.view()},
                                          {"scores", scores.view()}};
  Tensor high_res0;
  Tensor high_res1;
  if (embedding.high_res0 && embedding.high_res1) {
    high_res0 = unfold_subpixels(*embedding.high_res0, 2);
    high_res1 = unfold_subpixels(*embedding.high_res1, 1);
    tensors.push_back({"high_res0", std::as_const(high_res0).view()});
    tensors.push_back({"high_res1", std::as_const(high_res1).view()});
  }
  return io::write_safetensors(path, tensors);
}

}  // namespace facet::cli
