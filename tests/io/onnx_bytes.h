#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace facet::io {

/// Builds a protocol buffer message field by field.
class Message {
 public:
  Message& varint(int number, std::uint64_t value);
  Message& fixed32(int number, std::uint32_t value);
  Message& bytes(int number, std::string_view value);
  Message& message(int number, const Message& value) { return bytes(number, value.text_); }
  /// Repeated numbers in one field.
  Message& packed(int number, const std::vector<std::uint64_t>& values);
  Message& packed_floats(int number, const std::vector<float>& values);
  [[nodiscard]] std::vector<std::uint8_t> file() const { return {text_.begin(), text_.end()}; }

 private:
  void append_varint(std::uint64_t value);
  void append_tag(int number, int wire_type);
  std::string text_;
};

/// The elements as the file holds them.
std::string raw_floats(const std::vector<float>& values);
/// A float TensorProto with raw data.
Message float_initializer(std::string_view name, const std::vector<std::uint64_t>& dims,
                          const std::vector<float>& values);
/// A whole model around a graph's fields.
std::vector<std::uint8_t> onnx_model(const Message& graph);
/// A model with tensors in every encoding, a Constant node and a MatMul:
/// "raw" [2, 2] 1 2 3 4, "floats" [3] 1 2 3 packed, "unpacked" [2] 5 6, "integers" int64 [3] -1 0 300,
/// "halves" float16 [2] 1 -2, "/Constant_output_0" [] 7
std::vector<std::uint8_t> sample_onnx();

}  // namespace facet::io
