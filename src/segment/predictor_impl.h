#pragma once

#include <optional>

#include "facet/predictor.h"
#include "models/sam_model.h"
#include "ops/context.h"
#include "segment/prompt_decoder.h"
#include "segment/transforms.h"

namespace facet {

struct Predictor::Impl {
  Impl(ModelPtr loaded, PredictorOptions options)
      : model(std::move(loaded)), ctx(model->kernels, ThreadTeam(options.threads)), decoder(ctx, *model) {}
  /// Adds a batch's embeddings; false where its pictures are more than the memory holds.
  bool encode(std::span<const Image* const> images, std::span<const segment::Placement> placements,
              std::vector<Embedding>& embeddings);

  ModelPtr model;
  ops::Context ctx;
  segment::PromptDecoder decoder;
  std::optional<ops::Context> ahead;  // of prepare_ahead, between whose blocks `ctx` may run
  int reduced_batches = 0;            // of pictures
};

/// The hook and the wish to stop of one run, taken out of the context again however it ends.
class RunScope {
 public:
  RunScope(ops::Context& ctx, std::function<void()> between_blocks, std::stop_token stop) : ctx_(ctx) {
    ctx_.set_stop(std::move(stop));
    ctx_.set_between_blocks(std::move(between_blocks));
  }
  ~RunScope() {
    ctx_.set_stop({});
    ctx_.set_between_blocks({});
  }
  RunScope(const RunScope&) = delete;
  RunScope& operator=(const RunScope&) = delete;

 private:
  ops::Context& ctx_;
};

}  // namespace facet
