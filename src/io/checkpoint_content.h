#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/tensor_record.h"

namespace facet::io {

/// One operation of an ONNX graph. Exporters fold and rename weights; what an initializer feeds says what it
/// is.
struct GraphNode {
  std::string op_type;
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// What a container holds, whatever container it is. Each reader makes one out of a file's bytes.
/// Lifetime  records borrow the bytes that were read, or `decoded`
struct CheckpointContent {
  std::string container;   ///< "PyTorch zip", "PyTorch legacy", "safetensors" or "ONNX"
  std::string nested_key;  ///< of the dictionaries around the weights in a PyTorch file; empty = none
  std::map<std::string, TensorRecord, std::less<>> tensors;
  std::map<std::string, std::string> metadata;
  std::vector<GraphNode> nodes;                   ///< of an ONNX graph, in its order
  std::deque<std::vector<std::uint8_t>> decoded;  ///< elements that the file does not hold as plain arrays
};

}  // namespace facet::io
