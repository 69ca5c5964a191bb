#include "service/engine.h"

#include "service/engine_impl.h"

namespace facet::service {

Engine::Engine(EngineOptions options, EmbeddingCache& cache, EmbeddingStore* store, Metrics& metrics,
               Clock& clock)
    : impl_(std::make_shared<Impl>(options, cache, store, metrics, clock)) {
  impl_->start();
}

Engine::~Engine() { impl_->shut_down(); }

void Engine::find(const EmbeddingKey& key, Completion<std::optional<Encoded>> done) {
  impl_->find(key, done);
}

EncodeExpectation Engine::expect_encode() { return impl_->expect_encode(); }

void Engine::encode(EncodeRequest request, Completion<Encoded> done) {
  impl_->submit(std::move(request), std::move(done));
}

void Engine::decode(DecodeRequest request, Completion<Decoded> done) {
  impl_->submit(std::move(request), std::move(done));
}

void Engine::everything(EverythingRequest request, Completion<EverythingFound> done) {
  impl_->submit(std::move(request), std::move(done));
}

std::chrono::seconds Engine::retry_after() const { return impl_->retry_after(); }

bool Engine::alive() const { return impl_->alive(); }

EmbeddingKey embedding_key(const ServedModel& model, const ContentHash& content, const std::string& tenant) {
  const ModelInfo& info = model_info(*model.model);
  return {content, info.fingerprint, info.precision, tenant};
}

}  // namespace facet::service
