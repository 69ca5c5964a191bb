#include "segment/video/object_decoder.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "segment/resize.h"

namespace facet::segment {
namespace {

constexpr float kNoObjectLogit = -1024.0F;
constexpr int kLowRes = 4 * Model::kGrid;

// Nothing said is a point that is none; one more always follows.
models::EncoderPrompt padded(models::EncoderPrompt prompt) {
  if (prompt.points_model_px.empty()) {
    prompt.points_model_px.push_back({});
    prompt.labels.push_back(models::kNotAPoint);
  }
  return prompt;
}

Tensor with_dense_prompt(ops::Context& ctx, const Model& model, const ObjectPrompt& prompt) {
  Tensor image = ctx.make(prompt.image.shape());
  if (prompt.mask_logits == nullptr) {
    ops::add(ctx, prompt.image, model.prompt_encoder.no_mask(), image);
    return image;
  }
  const ConstTensorView logits = prompt.mask_logits->view();
  ops::add(ctx, prompt.image, model.prompt_encoder.dense(ctx, logits.reshaped({1, kLowRes, kLowRes})), image);
  return image;
}

// [height][width] shares of ones, averaged by the antialiased triangle filter.
std::vector<float> resized_shares(const Bitmap& mask, Size size) {
  Image image(mask.size);
  auto to = image.rgb().begin();
  for (const std::uint8_t bit : mask.bits) to = std::fill_n(to, 3, std::uint8_t(bit != 0 ? 1 : 0));
  const std::vector<float> rgb = resize_bilinear_unrounded(image, size);
  std::vector<float> shares(rgb.size() / 3);
  for (std::size_t i = 0; i < shares.size(); ++i) shares[i] = rgb[3 * i];
  return shares;
}

Bitmap to_model_square(const Bitmap& mask) {
  constexpr Size kSquare{Model::kImageSize, Model::kImageSize};
  if (mask.size == kSquare) return mask;
  Bitmap square{kSquare, {}};
  for (const float share : resized_shares(mask, kSquare)) square.bits.push_back(share >= 0.5F ? 1 : 0);
  return square;
}

}  // namespace

bool wants_multimask(const models::EncoderPrompt& points) { return points.points_model_px.size() <= 1; }

FrameOutput decode_object(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                          const ObjectPrompt& prompt) {
  const Tensor image = with_dense_prompt(ctx, model, prompt);
  const models::EncoderPrompt points = padded(prompt.points);
  const Tensor sparse = model.prompt_encoder.sparse(ctx, {&points, 1});
  const models::MaskDecoder::Output decoded =
      model.mask_decoder.forward(ctx, {.image = image,
                                       .positions = model.prompt_encoder.position_grid(),
                                       .sparse = sparse,
                                       .high_res0 = features.encoded.high_res0,
                                       .high_res1 = features.encoded.high_res1,
                                       .multimask = prompt.multimask});
  const auto scores = decoded.scores.data<float>();
  const std::int64_t best = std::ranges::max_element(scores) - scores.begin();
  FrameOutput out;
  out.score = scores[best];
  out.object_score = decoded.object_scores.data<float>()[0];
  const Shape& shape = decoded.masks.shape();
  out.logits =
      Tensor::from(decoded.masks.data<float>().subspan(best * shape[2] * shape[3], shape[2] * shape[3]),
                   {shape[2], shape[3]});
  if (!out.is_there()) std::ranges::fill(out.logits.data<float>(), kNoObjectLogit);
  const ConstTensorView tokens = decoded.tokens;
  const auto token = tokens.data<float>().subspan(best * tokens.shape()[2], tokens.shape()[2]);
  out.pointer = model.memory->pointer(ctx, Tensor::from(token, {tokens.shape()[2]}), out.is_there()).clone();
  return out;
}

FrameOutput take_mask(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                      const Bitmap& mask) {
  const Bitmap square = to_model_square(mask);
  Tensor ones = ctx.make({1, square.size.height, square.size.width, 1});
  std::ranges::copy(square.bits, ones.data<float>().begin());
  const Tensor mask_logits = model.memory->mask_prompt(ctx, ones);
  const Shape tokens{1, std::int64_t(Model::kGrid) * Model::kGrid, Model::kChannels};
  FrameOutput out = decode_object(
      ctx, model, features,
      {.image = features.encoded.image.view().reshaped(tokens), .points = {}, .mask_logits = &mask_logits});
  const bool is_there = std::ranges::any_of(square.bits, [](std::uint8_t bit) { return bit != 0; });
  if (!is_there) out.pointer = model.memory->no_object_pointer().clone();
  out.object_score = is_there ? 10.0F : -10.0F;
  out.score = 1.0F;
  const std::vector<float> shares = resized_shares(square, {kLowRes, kLowRes});
  for (std::size_t i = 0; i < shares.size(); ++i) out.logits.data<float>()[i] = 20.0F * shares[i] - 10.0F;
  return out;
}

}  // namespace facet::segment
