#pragma once

#include "facet/predictor.h"
#include "service/embedding_key.h"
#include "support/tensors.h"

namespace facet::service {

/// An embedding of random features of a model with this fingerprint.
inline Embedding random_embedding(std::uint64_t seed, std::uint64_t fingerprint = 7) {
  Embedding embedding;
  embedding.features = std::make_shared<const Tensor>(testing::random_tensor({1, 64, 64, 256}, seed));
  embedding.original_size = {480, 640};
  embedding.input_size = {768, 1024};
  embedding.model_fingerprint = fingerprint;
  return embedding;
}

inline EmbeddingKey key_of(const std::string& content, const std::string& tenant = {}) {
  return {content_hash({}, content), 7, "fp32", tenant};
}

}  // namespace facet::service
