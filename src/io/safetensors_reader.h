#pragma once

#include <cstdint>
#include <span>

#include "facet/status.h"
#include "io/checkpoint_content.h"

namespace facet::io {

/// Whether the bytes begin as a safetensors file does; a damaged one still counts, so that its reader can say
/// what is wrong with it.
[[nodiscard]] bool looks_like_safetensors(std::span<const std::uint8_t> bytes);

/// Reads the header: 8 bytes with its length, then a JSON object with type, shape and place of each tensor.
/// The tensors must fill the rest of the file without gap or overlap, as the format asks.
///
/// Errors  BadModel naming the tensor, what was expected and what was found; a header is at most 32 MiB
/// Source  https://github.com/huggingface/safetensors, "Format"
Result<CheckpointContent> read_safetensors(std::span<const std::uint8_t> bytes);

}  // namespace facet::io
