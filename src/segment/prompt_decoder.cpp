#include "segment/prompt_decoder.h"

#include <algorithm>
#include <utility>

#include "ops/elementwise.h"

namespace facet::segment {
namespace {

// Prompts of one batch become the same number of tokens, and all have a mask or none has.
bool alike(const DecoderPrompt& a, const DecoderPrompt& b) {
  return a.sparse.tokens() == b.sparse.tokens() && (a.mask_logits == nullptr) == (b.mask_logits == nullptr);
}

Tensor stack_masks(ops::Context& ctx, std::span<const DecoderPrompt> prompts) {
  const Shape& shape = prompts[0].mask_logits->shape();
  Tensor stacked = ctx.make({std::int64_t(prompts.size()), shape[0], shape[1]});
  auto out = stacked.data<float>().begin();
  for (const DecoderPrompt& prompt : prompts) {
    const auto values = prompt.mask_logits->data<float>();
    out = std::copy(values.begin(), values.end(), out);
  }
  return stacked;
}

// The features with each prompt's mask added. [P, 4096, 256]
Tensor with_masks(ops::Context& ctx, const Model& model, ConstTensorView tokens,
                  std::span<const DecoderPrompt> prompts) {
  Tensor dense = model.prompt_encoder.dense(ctx, stack_masks(ctx, prompts));
  ops::add(ctx, dense, tokens, dense);
  return dense;
}

}  // namespace

void decode_prompts(ops::Context& ctx, const Model& model, const Embedding& embedding,
                    std::vector<DecoderPrompt> prompts, bool multimask, int per_batch,
                    const std::function<void(std::span<const DecoderPrompt>, const DecodedBatch&)>& consume) {
  const ConstTensorView tokens =
      embedding.features->view().reshaped({1, std::int64_t(Model::kGrid) * Model::kGrid, Model::kChannels});
  Tensor unmasked = ctx.make(tokens.shape());
  ops::add(ctx, tokens, model.prompt_encoder.no_mask(), unmasked);
  const auto decode = [&](std::span<const DecoderPrompt> batch) {
    ctx.between_blocks();
    std::vector<models::EncoderPrompt> sparse;
    for (const DecoderPrompt& prompt : batch) sparse.push_back(prompt.sparse);
    const Tensor own = batch[0].mask_logits ? with_masks(ctx, model, tokens, batch) : Tensor();
    const Tensor sparse_tokens = model.prompt_encoder.sparse(ctx, sparse);
    models::MaskDecoder::Input input{.image = own.empty() ? std::as_const(unmasked).view() : own.view(),
                                     .positions = model.prompt_encoder.position_grid(),
                                     .sparse = sparse_tokens,
                                     .multimask = multimask};
    if (embedding.high_res0) {
      input.high_res0 = *embedding.high_res0;
      input.high_res1 = *embedding.high_res1;
    }
    consume(batch, model.mask_decoder.forward(ctx, input));
  };
  std::stable_sort(prompts.begin(), prompts.end(), [](const DecoderPrompt& a, const DecoderPrompt& b) {
    return std::pair(a.sparse.tokens(), a.mask_logits != nullptr) <
           std::pair(b.sparse.tokens(), b.mask_logits != nullptr);
  });
  for (std::size_t begin = 0; begin < prompts.size();) {
    std::size_t end = begin + 1;
    while (end < prompts.size() && end - begin < std::size_t(per_batch) &&
           alike(prompts[begin], prompts[end]))
      ++end;
    decode({prompts.data() + begin, end - begin});
    begin = end;
  }
}

}  // namespace facet::segment
