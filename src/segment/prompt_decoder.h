#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "facet/predictor.h"
#include "models/sam_model.h"
#include "ops/context.h"
#include "segment/placed_features.h"

namespace facet::segment {

/// One prompt for the decoder, in the model's frame, and where it came from.
struct DecoderPrompt {
  models::EncoderPrompt sparse;
  std::shared_ptr<const Tensor> mask_logits;  ///< [256, 256] or null
  std::size_t index = 0;                      ///< its place in the caller's list
};

/// What the decoder made of some prompts.
struct DecodedBatch {
  Tensor masks;   ///< logits [P, M, 256, 256], where the operations read them; see ops::OnHost
  Tensor scores;  ///< [P, M], in the host's memory
};

/// Decodes prompts. What all prompts of a picture share is made where it pays: for several prompts in one
/// call, or for the third call for a picture while it is among the last 16 asked about. It is kept for the
/// last eight such pictures, about 21 MB each; that of embeddings which are gone goes when the next is made.
/// Answers with and without it agree to float32's rounding. In bfloat16 (Kernels::for_pictures) it takes half
/// the memory, and is always made.
/// Threads  one thread at a time
class PromptDecoder {
 public:
  static constexpr std::size_t kPlacedBytes = std::size_t(256) << 20;
  using Consume = std::function<void(std::span<const DecoderPrompt>, const DecodedBatch&)>;
  /// `placed_bytes` of features stay on a device.   Lifetime  both outlive it
  PromptDecoder(ops::Context& ctx, const Model& model, std::size_t placed_bytes = kPlacedBytes)
      : ctx_(ctx), model_(model), placed_(ctx, placed_bytes) {}

  /// Decodes many prompts of one embedding in batches of like prompts, `per_batch` at a time at most, and
  /// hands each batch on before the next begins: memory does not grow with the number of prompts. A batch
  /// that the memory does not hold is decoded in halves, and so are those after it.
  ///
  /// Errors  StatusError Cancelled between batches; OutOfMemory
  void decode(const Embedding& embedding, std::vector<DecoderPrompt> prompts, bool multimask, int per_batch,
              const Consume& consume);

  /// Keeps on the device what the encoder made there of picture `index`; on the host there is nothing to
  /// keep.
  void keep_placed(const Embedding& embedding, const models::ImageFeatures& made, std::int64_t index) {
    placed_.keep(embedding, made, index);
  }

  /// The batches that memory did not hold as they were asked for.
  [[nodiscard]] int reduced_batches() const { return reduced_batches_; }

  /// The pictures for which what their prompts share is kept.
  [[nodiscard]] std::size_t kept_pictures() const { return kept_.size(); }

  /// Makes what the third call for a picture would make, the last asked about first. False where there is
  /// nothing to make. `ctx` is not the decoder's own: between its blocks decode may be called, which counts
  /// the picture's calls anew.   Errors  StatusError OutOfMemory; what the hook throws
  bool prepare_ahead(ops::Context& ctx);

 private:
  using Features = std::shared_ptr<const Tensor>;  // of an embedding
  struct Kept {
    std::weak_ptr<const Tensor> features;
    models::LayeredTransformer::Picture picture;
  };
  struct Asked {
    std::weak_ptr<const Tensor> features;
    std::size_t calls = 0;
  };

  [[nodiscard]] DecodedBatch decode_batch(const Embedding& embedding, std::span<const DecoderPrompt> batch,
                                          bool multimask, bool share);
  [[nodiscard]] Tensor without_mask(ops::Context& ctx, ConstTensorView features) const;

  /// Notes that prompts of a picture come in; whether they pay for what they share.
  [[nodiscard]] bool pays(const Features& features, std::size_t prompts);
  /// Notes a call for a picture that is not kept, and gives how many there were.
  std::size_t count_call(const Features& features);
  /// The end of kept_ when it is not among the last.
  [[nodiscard]] std::vector<Kept>::iterator find_kept(const Features& features);
  /// What is kept of the picture, made when it is not among the last.
  const models::LayeredTransformer::Picture& prepared(const Features& features);
  [[nodiscard]] models::LayeredTransformer::Picture prepare(ops::Context& ctx, const Features& features);
  void drop_for_one_more();
  void keep(const Features& features, models::LayeredTransformer::Picture picture);
  /// The picture asked about last whose next call would pay, not counted any more; null where there is none.
  [[nodiscard]] Features take_asked();

  ops::Context& ctx_;
  const Model& model_;
  PlacedFeatures placed_;
  int reduced_batches_ = 0;
  // The picture that was asked about last comes last.
  std::vector<Asked> asked_;
  std::vector<Kept> kept_;
};

}  // namespace facet::segment
