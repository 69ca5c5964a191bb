#include "segment/video/object_decoder.h"

#include <algorithm>

#include "core/tensor_range.h"
#include "ops/elementwise.h"
#include "ops/transfer.h"
#include "segment/resize.h"

namespace facet::segment {
namespace {

constexpr float kNoObjectLogit = -1024.0F;

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
  const ops::OnDevice uploaded(ctx, *prompt.mask_logits);
  const ConstTensorView logits = uploaded.view();
  ops::add(ctx, prompt.image,
           model.prompt_encoder.dense(ctx, logits.reshaped({1, model.mask_side(), model.mask_side()})),
           image);
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

Bitmap stretched(const Bitmap& mask, Size size) {
  if (mask.size == size) return mask;
  Bitmap square{size, {}};
  for (const float share : resized_shares(mask, size)) square.bits.push_back(share >= 0.5F ? 1 : 0);
  return square;
}

// Part `index` of the first dimension, in memory of its own.
Tensor part_of(ConstTensorView batch, std::int64_t index) {
  const Shape one(batch.shape().dims().subspan(1));
  return Tensor::from(batch.data<float>().subspan(index * one.numel(), one.numel()), one);
}

// Objects of a frame whose prompts become the same number of tokens.
struct Decodable {
  ConstTensorView images;  // [P, grid * grid, 256], dense prompts added
  std::span<const models::EncoderPrompt> points;
  bool multimask;
};

// What a batch of objects became, where the host reads it.
struct DecodedObjects {
  DecodedObjects(ops::Context& ctx, const models::MaskDecoder::Output& decoded, ConstTensorView all_pointers)
      : masks(ctx, decoded.masks),
        scores(ctx, decoded.scores),
        object_scores(ctx, decoded.object_scores),
        pointers(ctx, all_pointers) {}
  ops::OnHost masks;          // [P, M, mask_side, mask_side]
  ops::OnHost scores;         // [P, M]
  ops::OnHost object_scores;  // [P]
  ops::OnHost pointers;       // [P * M, 256]
};

FrameOutput best_output(const DecodedObjects& decoded, const Tensor& no_object_pointer, std::int64_t object) {
  const Shape shape = decoded.masks.view().shape();
  const std::int64_t masks = shape[1];
  const auto all_scores = decoded.scores.view().data<float>();
  const auto scores = all_scores.subspan(object * masks, masks);
  const std::int64_t best = object * masks + (std::ranges::max_element(scores) - scores.begin());
  FrameOutput out;
  out.score = all_scores[best];
  out.object_score = decoded.object_scores.view().data<float>()[object];
  out.logits = part_of(decoded.masks.view().reshaped({shape[0] * masks, shape[2], shape[3]}), best);
  if (!out.is_there()) std::ranges::fill(out.logits.data<float>(), kNoObjectLogit);
  out.pointer = out.is_there() ? part_of(decoded.pointers.view(), best) : no_object_pointer.clone();
  return out;
}

std::vector<FrameOutput> decode(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                                const Decodable& objects) {
  const Tensor sparse = model.prompt_encoder.sparse(objects.points);
  const models::MaskDecoder::Output decoded =
      model.mask_decoder.forward(ctx, {.image = objects.images,
                                       .sparse = sparse,
                                       .high_res0 = features.encoded.high_res0,
                                       .high_res1 = features.encoded.high_res1,
                                       .multimask = objects.multimask});
  const Shape& tokens = decoded.tokens.shape();
  const Tensor pointers =
      model.memory->pointers(ctx, decoded.tokens.view().reshaped({tokens[0] * tokens[1], tokens[2]}));
  const DecodedObjects found(ctx, decoded, pointers);
  std::vector<FrameOutput> outputs;
  for (std::int64_t i = 0; i < tokens[0]; ++i) {
    outputs.push_back(best_output(found, model.memory->no_object_pointer(), i));
  }
  return outputs;
}

}  // namespace

bool wants_multimask(const models::EncoderPrompt& points) { return points.points_model_px.size() <= 1; }

FrameOutput decode_object(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                          const ObjectPrompt& prompt) {
  const Tensor image = with_dense_prompt(ctx, model, prompt);
  const models::EncoderPrompt points = padded(prompt.points);
  return std::move(decode(ctx, model, features, {image, {&points, 1}, prompt.multimask}).front());
}

std::vector<FrameOutput> decode_unprompted(ops::Context& ctx, const Model& model,
                                           const FrameFeatures& features, TensorView images) {
  ops::add(ctx, images, model.prompt_encoder.no_mask(), images);
  const std::vector<models::EncoderPrompt> nothing(std::size_t(images.shape()[0]), padded({}));
  return decode(ctx, model, features, {images, nothing, wants_multimask({})});
}

void remember_outputs(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                      std::span<FrameOutput> outputs, bool binary) {
  Tensor logits = ctx.make_on_host({std::int64_t(outputs.size()), model.mask_side(), model.mask_side()});
  auto to = logits.data<float>().begin();
  for (const FrameOutput& output : outputs) to = std::ranges::copy(output.logits.data<float>(), to).out;
  const Tensor memories =
      model.memory->encoder.forward(ctx, features.encoded.image, ops::OnDevice(ctx, logits).view(), binary);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const ConstTensorView own = range_of(memories.view(), std::int64_t(i), 1);
    outputs[i].memory =
        ops::kept(ctx, ops::copied(ctx, own.reshaped({memories.shape()[1], memories.shape()[2]})));
    if (!outputs[i].is_there()) model.memory->note_absence(ctx, outputs[i].memory);
  }
}

FrameOutput take_mask(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                      const Bitmap& mask) {
  const Bitmap square = stretched(mask, {model.image_size(), model.image_size()});
  Tensor ones = ctx.make_on_host({1, square.size.height, square.size.width, 1});
  std::ranges::copy(square.bits, ones.data<float>().begin());
  const Tensor mask_logits =
      ops::downloaded(ctx, model.memory->mask_prompt(ctx, ops::OnDevice(ctx, ones).view()));
  const Shape tokens{1, std::int64_t(model.grid()) * model.grid(), Model::kChannels};
  FrameOutput out = decode_object(
      ctx, model, features,
      {.image = features.encoded.image.view().reshaped(tokens), .points = {}, .mask_logits = &mask_logits});
  const bool is_there = std::ranges::any_of(square.bits, [](std::uint8_t bit) { return bit != 0; });
  if (!is_there) out.pointer = model.memory->no_object_pointer().clone();
  out.object_score = is_there ? 10.0F : -10.0F;
  out.score = 1.0F;
  const std::vector<float> shares = resized_shares(square, {model.mask_side(), model.mask_side()});
  for (std::size_t i = 0; i < shares.size(); ++i) out.logits.data<float>()[i] = 20.0F * shares[i] - 10.0F;
  return out;
}

}  // namespace facet::segment
