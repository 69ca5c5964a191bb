#pragma once

#include <cstdint>
#include <span>

#include "facet/status.h"
#include "io/checkpoint_content.h"

namespace facet::io {

/// Whether the bytes begin as an ONNX model does: with its format version.
[[nodiscard]] bool looks_like_onnx(std::span<const std::uint8_t> bytes);

/// Reads the weights and the operations of an ONNX model: initializers under their names, the tensors of
/// Constant nodes under the name of their output, the nodes in the graph's order, and producer and properties
/// as metadata. Raw and float data stay where they are; packed integers are decoded.
///
/// Errors  BadModel on damage, on tensors kept in files of their own, on types outside facet::DType, and on a
/// file
///         above the 2 GiB that the format allows
/// Source  https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
Result<CheckpointContent> read_onnx(std::span<const std::uint8_t> bytes);

}  // namespace facet::io
