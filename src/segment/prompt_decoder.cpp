#include "segment/prompt_decoder.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ops/elementwise.h"
#include "ops/transfer.h"
#include "segment/guard.h"

namespace facet::segment {
namespace {

// Making what is shared takes as long as it saves some three prompts.
constexpr std::size_t kPromptsThatPay = 3;

// Users who work on pictures of their own take turns without making anything anew.
constexpr std::size_t kKeptPictures = 8;
// Where many pictures take turns, few are asked about three times in so many: what would soon go is not made.
constexpr std::size_t kAskedPictures = 16;

constexpr std::int64_t kTokensOfAClick = 2;  // its point, and one that stands for no box

// Prompts of one batch become the same number of tokens, and all have a mask or none has.
bool alike(const DecoderPrompt& a, const DecoderPrompt& b) {
  return a.sparse.tokens() == b.sparse.tokens() && (a.mask_logits == nullptr) == (b.mask_logits == nullptr);
}

Tensor stack_masks(ops::Context& ctx, std::span<const DecoderPrompt> prompts) {
  const Shape& shape = prompts[0].mask_logits->shape();
  Tensor stacked = ctx.make_on_host({std::int64_t(prompts.size()), shape[0], shape[1]});
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
  const Tensor masks = stack_masks(ctx, prompts);
  Tensor dense = model.prompt_encoder.dense(ctx, ops::OnDevice(ctx, masks).view());
  ops::add(ctx, dense, tokens, dense);
  return dense;
}

ConstTensorView as_tokens(ConstTensorView features) {
  return features.reshaped({1, std::int64_t(Model::kGrid) * Model::kGrid, Model::kChannels});
}

DecodedBatch with_scores_on_host(ops::Context& ctx, models::MaskDecoder::Output made) {
  if (!ctx.kernels().on_host()) made.scores = ops::downloaded(ctx, made.scores);
  return {.masks = std::move(made.masks), .scores = std::move(made.scores)};
}

}  // namespace

Tensor PromptDecoder::without_mask(ops::Context& ctx, ConstTensorView features) const {
  Tensor sum = ctx.make(features.shape());
  ops::add(ctx, features, model_.prompt_encoder.no_mask(), sum);
  return sum;
}

std::vector<PromptDecoder::Kept>::iterator PromptDecoder::find_kept(const Features& features) {
  return std::find_if(kept_.begin(), kept_.end(),
                      [&](const Kept& kept) { return kept.features.lock() == features; });
}

std::size_t PromptDecoder::count_call(const Features& features) {
  const auto found = std::find_if(asked_.begin(), asked_.end(),
                                  [&](const Asked& asked) { return asked.features.lock() == features; });
  if (found != asked_.end()) {
    std::rotate(found, found + 1, asked_.end());
    return ++asked_.back().calls;
  }
  if (asked_.size() == kAskedPictures) asked_.erase(asked_.begin());
  asked_.push_back({features, 1});
  return 1;
}

bool PromptDecoder::pays(const Features& features, std::size_t prompts) {
  // An answer may not depend on how often the picture was asked about.
  if (!model_.mask_decoder.prepares_exactly()) return true;
  return find_kept(features) != kept_.end() || std::max(prompts, count_call(features)) >= kPromptsThatPay;
}

const models::LayeredTransformer::Picture& PromptDecoder::prepared(const Features& features) {
  const auto found = find_kept(features);
  if (found != kept_.end()) {
    std::rotate(found, found + 1, kept_.end());
    return kept_.back().picture;
  }
  keep(features, prepare(ctx_, features));
  return kept_.back().picture;
}

models::LayeredTransformer::Picture PromptDecoder::prepare(ops::Context& ctx, const Features& features) {
  drop_for_one_more();
  return model_.mask_decoder.prepare(ctx, without_mask(ctx, as_tokens(*features)));
}

void PromptDecoder::drop_for_one_more() {
  std::erase_if(kept_, [](const Kept& kept) { return kept.features.expired(); });
  if (kept_.size() == kKeptPictures) kept_.erase(kept_.begin());
}

void PromptDecoder::keep(const Features& features, models::LayeredTransformer::Picture picture) {
  std::erase_if(asked_, [&](const Asked& asked) { return asked.features.lock() == features; });
  if (find_kept(features) != kept_.end()) return;
  drop_for_one_more();
  kept_.push_back({features, std::move(picture)});
}

PromptDecoder::Features PromptDecoder::take_asked() {
  for (auto asked = asked_.rbegin(); asked != asked_.rend(); ++asked) {
    if (asked->calls + 1 < kPromptsThatPay) continue;
    if (Features features = asked->features.lock()) {
      asked_.erase(std::next(asked).base());
      return features;
    }
  }
  return nullptr;
}

bool PromptDecoder::prepare_ahead(ops::Context& ctx) {
  if (!model_.mask_decoder.gains_by_preparing(kTokensOfAClick)) return false;
  const Features features = take_asked();
  if (features == nullptr) return false;
  keep(features, prepare(ctx, features));
  return true;
}

DecodedBatch PromptDecoder::decode_batch(const Embedding& embedding, std::span<const DecoderPrompt> batch,
                                         bool multimask, bool share) {
  std::vector<models::EncoderPrompt> sparse;
  for (const DecoderPrompt& prompt : batch) sparse.push_back(prompt.sparse);
  const Tensor sparse_tokens = model_.prompt_encoder.sparse(sparse);
  models::MaskDecoder::Input input{.sparse = sparse_tokens, .multimask = multimask};
  const bool masked = batch[0].mask_logits != nullptr;
  if (!masked && share && model_.mask_decoder.gains_by_preparing(sparse_tokens.shape()[1])) {
    input.prepared = &prepared(embedding.features);
    return with_scores_on_host(ctx_, model_.mask_decoder.forward(ctx_, input));
  }
  const PlacedFeatures::Views placed = placed_.get(embedding);
  input.high_res0 = placed.high_res0;
  input.high_res1 = placed.high_res1;
  const ConstTensorView features = as_tokens(placed.image);
  const Tensor image = masked ? with_masks(ctx_, model_, features, batch) : without_mask(ctx_, features);
  input.image = image;
  return with_scores_on_host(ctx_, model_.mask_decoder.forward(ctx_, input));
}

void PromptDecoder::decode(const Embedding& embedding, std::vector<DecoderPrompt> prompts, bool multimask,
                           int per_batch, const Consume& consume) {
  const bool share = pays(embedding.features, prompts.size());
  std::stable_sort(prompts.begin(), prompts.end(), [](const DecoderPrompt& a, const DecoderPrompt& b) {
    return std::pair(a.sparse.tokens(), a.mask_logits != nullptr) <
           std::pair(b.sparse.tokens(), b.mask_logits != nullptr);
  });
  auto most = std::size_t(per_batch);
  for (std::size_t begin = 0; begin < prompts.size();) {
    std::size_t end = begin + 1;
    while (end < prompts.size() && end - begin < most && alike(prompts[begin], prompts[end])) ++end;
    ctx_.between_blocks();
    const std::span<const DecoderPrompt> batch(prompts.data() + begin, end - begin);
    const auto run = [&] { return decode_batch(embedding, batch, multimask, share); };
    const std::optional<DecodedBatch> decoded = batch.size() == 1 ? run() : if_it_fits(ctx_, run);
    if (!decoded) {
      ++reduced_batches_;
      most = batch.size() / 2;
      continue;
    }
    consume(batch, *decoded);
    begin = end;
  }
}

}  // namespace facet::segment
