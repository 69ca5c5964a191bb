#include "service/model_runs.h"

namespace facet::service {

ModelRun& ModelRuns::of(const ServedModelPtr& model) {
  Entry& entry = entries_[model.get()];
  if (entry.model.expired()) {  // new, or another model once lay at this address
    entry.model = model;
    entry.run = std::make_unique<ModelRun>(model->model, threads_);
  }
  return *entry.run;
}

Result<bool> ModelRuns::prepare_ahead(const std::function<void()>& between_blocks) {
  for (auto& [address, entry] : entries_) {
    FACET_ASSIGN_OR_RETURN(const bool made, entry.run->decoder.prepare_ahead(between_blocks));
    if (made) return true;
  }
  return false;
}

void ModelRuns::drop_unused() {
  std::erase_if(entries_, [](const auto& entry) { return entry.second.model.expired(); });
}

}  // namespace facet::service
