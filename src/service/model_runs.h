#pragma once

#include <functional>
#include <map>
#include <memory>

#include "facet/predictor.h"
#include "service/served_model.h"

namespace facet::service {

/// What runs one model on the engine's thread: a decode may run while a long job pauses between two blocks,
/// so each has a predictor, and with it memory, of its own. Of encodes and everything, one runs at a time.
struct ModelRun {
  ModelRun(const ModelPtr& model, int threads)
      : encoder(model, {.threads = threads}), decoder(model, {.threads = threads}) {}
  Predictor encoder;
  Predictor decoder;
};

/// The runs of the models in use.
/// Threads  the engine's alone
class ModelRuns {
 public:
  explicit ModelRuns(int threads) : threads_(threads) {}
  /// Made at the first use. Lifetime  while `model` lives and drop_unused is not called without it
  ModelRun& of(const ServedModelPtr& model);
  /// As Predictor::prepare_ahead, for one of the decoders that has something to make.
  Result<bool> prepare_ahead(const std::function<void()>& between_blocks);
  /// Lets go of the memory of models that nobody holds any more.
  void drop_unused();

 private:
  struct Entry {
    std::weak_ptr<const ServedModel> model;
    std::unique_ptr<ModelRun> run;
  };
  int threads_;
  std::map<const ServedModel*, Entry> entries_;
};

}  // namespace facet::service
