#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "facet/dtype.h"
#include "facet/predictor.h"
#include "facet/status.h"

namespace facet::service {

/// An embedding as bytes for a cache that may give back anything: a header with a version, the sizes, each
/// tensor under its name, and a SHA-256 over the key and all of it, so that a damaged entry and one stored
/// under another key are both refused.
///
/// `precision` is Float32, or BFloat16 for half the bytes.
/// Errors  ContractError for another precision or an embedding without features
[[nodiscard]] std::vector<std::uint8_t> encode_entry(const Embedding& embedding, const std::string& key,
                                                     DType precision);

/// Errors  BadModel says what is wrong with the bytes; nothing is allocated beyond their own size's worth
[[nodiscard]] Result<Embedding> decode_entry(std::span<const std::uint8_t> bytes, const std::string& key,
                                             std::uint64_t model_fingerprint);

/// The bytes of the tensors of an embedding in memory.
[[nodiscard]] std::size_t embedding_bytes(const Embedding& embedding);

}  // namespace facet::service
