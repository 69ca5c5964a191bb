#include "models/memory/video_memory.h"

#include "nn/position_encoding.h"
#include "ops/elementwise.h"
#include "ops/transfer.h"

namespace facet::models {
namespace {

constexpr int kMaskPatch = 4;

Tensor take_vector(const nn::WeightScope& weights, std::string_view name, const Shape& shape) {
  return weights.take(name, shape).reshaped({shape[-1]});
}

}  // namespace

VideoMemory::VideoMemory(const nn::WeightScope& weights, int grid)
    : attention(weights / "memory_attention", grid),
      encoder(weights / "memory_encoder", grid),
      grid_(grid),
      no_memory_(weights.placed(take_vector(weights, "no_mem_embed", {1, 1, kDim}))),
      no_object_pointer_(take_vector(weights, "no_obj_ptr", {1, kDim})),
      pointer_proj_(weights.in_full_precision() / "obj_ptr_proj", kDim, kDim, kDim, 3),
      mask_downsample_(weights.in_full_precision() / "mask_downsample", 1, 1, kMaskPatch) {
  if (weights.has("no_obj_embed_spatial")) {
    no_object_memory_ = weights.placed(take_vector(weights, "no_obj_embed_spatial", {1, kMemoryDim}));
  }
  if (weights.has("obj_ptr_tpos_proj.weight")) {
    pointer_position_proj_.emplace(weights.in_full_precision() / "obj_ptr_tpos_proj", kDim, kMemoryDim);
  }
  // In the file the youngest comes first and prompted frames, of age 0 here, last.
  const Tensor ages = weights.take("maskmem_tpos_enc", {kFrames, 1, 1, kMemoryDim});
  for (int age = 0; age < kFrames; ++age) {
    const auto own = ages.data<float>().subspan(((age + kFrames - 1) % kFrames) * kMemoryDim, kMemoryDim);
    Tensor positions = nn::sine_position_grid(grid, grid, kMemoryDim);
    const auto values = positions.data<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += own[i % kMemoryDim];
    frame_positions_[age] = weights.placed(std::move(positions));
  }
}

Tensor VideoMemory::without_memory(ops::Context& ctx, ConstTensorView features) const {
  Tensor out = ctx.make(features.shape());
  ops::add(ctx, features, no_memory_, out);
  return out;
}

void VideoMemory::note_absence(ops::Context& ctx, TensorView memory) const {
  if (no_object_memory_) ops::add(ctx, memory, *no_object_memory_, memory);
}

Tensor VideoMemory::pointers(ops::Context& ctx, ConstTensorView tokens) const {
  return pointer_proj_.forward(ctx, tokens);
}

Tensor VideoMemory::mask_prompt(ops::Context& ctx, ConstTensorView mask) const {
  return mask_downsample_.forward(ctx, mask).reshaped({4LL * grid_, 4LL * grid_});
}

Tensor VideoMemory::pointer_positions(ops::Context& ctx, std::span<const int> distances, int longest) const {
  const auto count = std::int64_t(distances.size());
  if (!pointer_position_proj_) return ops::uploaded(ctx, Tensor::zeros({count, kMemoryDim}));
  Tensor encoded(Shape({count, kDim}));
  for (std::int64_t i = 0; i < count; ++i) {
    const float share = longest == 0 ? 0.0F : static_cast<float>(distances[i]) / static_cast<float>(longest);
    nn::encode_sine_position(share, encoded.data<float>().subspan(i * kDim, kDim));
  }
  return pointer_position_proj_->forward(ctx, ops::OnDevice(ctx, encoded).view());
}

}  // namespace facet::models
