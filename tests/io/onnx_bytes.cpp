#include "io/onnx_bytes.h"

#include <bit>

namespace facet::io {

void Message::append_varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
  text_ += static_cast<char>(value);
}

void Message::append_tag(int number, int wire_type) {
  append_varint(static_cast<std::uint64_t>(number) << 3 | static_cast<std::uint64_t>(wire_type));
}

Message& Message::varint(int number, std::uint64_t value) {
  append_tag(number, 0);
  append_varint(value);
  return *this;
}

Message& Message::fixed32(int number, std::uint32_t value) {
  append_tag(number, 5);
  text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  return *this;
}

Message& Message::bytes(int number, std::string_view value) {
  append_tag(number, 2);
  append_varint(value.size());
  text_ += value;
  return *this;
}

Message& Message::packed(int number, const std::vector<std::uint64_t>& values) {
  Message content;
  for (const std::uint64_t value : values) content.append_varint(value);
  return message(number, content);
}

Message& Message::packed_floats(int number, const std::vector<float>& values) {
  return bytes(number, raw_floats(values));
}

std::string raw_floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

Message float_initializer(std::string_view name, const std::vector<std::uint64_t>& dims,
                          const std::vector<float>& values) {
  Message tensor;
  for (const std::uint64_t dim : dims) tensor.varint(1, dim);
  return tensor.varint(2, 1).bytes(8, name).bytes(9, raw_floats(values));
}

std::vector<std::uint8_t> onnx_model(const Message& graph) {
  return Message()
      .varint(1, 8)
      .bytes(2, "a test")
      .bytes(3, "1.0")
      .message(7, graph)
      .message(8, Message().varint(2, 17))
      .message(14, Message().bytes(1, "key").bytes(2, "value"))
      .file();
}

std::vector<std::uint8_t> sample_onnx() {
  const Message value = Message().varint(2, 1).bytes(9, raw_floats({7}));
  const Message constant = Message()
                               .bytes(2, "/Constant_output_0")
                               .bytes(3, "/Constant")
                               .bytes(4, "Constant")
                               .message(5, Message().bytes(1, "value").message(5, value).varint(20, 4));
  const Message matmul =
      Message().bytes(1, "x").bytes(1, "raw").bytes(2, "y").bytes(3, "/fc/MatMul").bytes(4, "MatMul");
  const Message floats = Message().packed(1, {3}).varint(2, 1).bytes(8, "floats").packed_floats(4, {1, 2, 3});
  const Message unpacked = Message()
                               .varint(1, 2)
                               .varint(2, 1)
                               .bytes(8, "unpacked")
                               .fixed32(4, std::bit_cast<std::uint32_t>(5.0F))
                               .fixed32(4, std::bit_cast<std::uint32_t>(6.0F));
  const Message integers = Message()
                               .varint(1, 3)
                               .varint(2, 7)
                               .bytes(8, "integers")
                               .packed(7, {static_cast<std::uint64_t>(-1), 0, 300});
  const Message halves =
      Message().varint(1, 2).varint(2, 10).bytes(8, "halves").varint(5, 0x3C00).varint(5, 0xC000);
  return onnx_model(Message()
                        .message(1, constant)
                        .message(1, matmul)
                        .bytes(2, "main_graph")
                        .message(5, float_initializer("raw", {2, 2}, {1, 2, 3, 4}))
                        .message(5, floats)
                        .message(5, unpacked)
                        .message(5, integers)
                        .message(5, halves));
}

}  // namespace facet::io
