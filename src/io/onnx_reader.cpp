#include "io/onnx_reader.h"

#include <google/protobuf/io/coded_stream.h>

#include <array>
#include <climits>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "io/bad_model.h"

namespace facet::io {
namespace {

using Bytes = std::span<const std::uint8_t>;

struct Field {
  int number = 0;
  std::uint64_t value = 0;  // of a varint
  Bytes bytes;              // of a length-delimited field, or of a fixed number
  bool varint = false;

  [[nodiscard]] std::string text() const { return {bytes.begin(), bytes.end()}; }
};

/// Walks over the fields of one protocol buffer message in place. A message inside is walked by a reader of
/// its own over that field's bytes, so that nesting goes as deep as this file's code and no deeper.
class MessageReader {
 public:
  explicit MessageReader(Bytes message)
      : stream_(message.data(), static_cast<int>(message.size())) {}  // read_onnx keeps sizes below 2 GiB

  bool next(Field& field) {
    const std::uint32_t tag = stream_.ReadTag();
    if (tag == 0) {
      damaged_ = !stream_.ConsumedEntireMessage();
      return false;
    }
    field = {.number = static_cast<int>(tag >> 3)};
    damaged_ = field.number == 0 || !read_content(tag & 7U, field);
    return !damaged_;
  }

  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  bool read_content(std::uint32_t wire_type, Field& field) {
    std::uint32_t length = 0;
    switch (wire_type) {
      case 0:
        field.varint = true;
        return stream_.ReadVarint64(&field.value);
      case 1:
        return read_bytes(8, field);
      case 2:
        return stream_.ReadVarint32(&length) && read_bytes(length, field);
      case 5:
        return read_bytes(4, field);
      default:
        return false;
    }
  }

  bool read_bytes(std::uint32_t count, Field& field) {
    if (count == 0) return true;
    const void* data = nullptr;
    int available = 0;
    if (!stream_.GetDirectBufferPointer(&data, &available)) return false;
    if (count > static_cast<std::uint32_t>(available)) return false;
    field.bytes = {static_cast<const std::uint8_t*>(data), count};
    return stream_.Skip(static_cast<int>(count));
  }

  google::protobuf::io::CodedInputStream stream_;
  bool damaged_ = false;
};

struct OnnxType {
  std::uint64_t code;
  DType dtype;
};
constexpr std::array<OnnxType, 10> kOnnxTypes = {{{1, DType::Float32},
                                                  {2, DType::UInt8},
                                                  {3, DType::Int8},
                                                  {5, DType::Int16},
                                                  {6, DType::Int32},
                                                  {7, DType::Int64},
                                                  {9, DType::Bool},
                                                  {10, DType::Float16},
                                                  {11, DType::Float64},
                                                  {16, DType::BFloat16}}};

// A few bytes of file make a node, a name or a tensor of many bytes in memory.
constexpr std::size_t kMaxNodes = std::size_t{1} << 20;
constexpr std::size_t kMaxTensors = std::size_t{1} << 20;
constexpr std::size_t kMaxNodeNames = 4096;

Status damaged_onnx(const char* what) {
  return bad_model(std::string("ONNX file: ") + what + " is damaged or cut off");
}

// A repeated number comes packed into one field or as a field for each; `add` takes its 64 bits.
template <typename Add>
bool add_varints(const Field& field, Add add) {
  if (field.varint) {
    add(field.value);
    return true;
  }
  if (field.bytes.empty()) return true;
  google::protobuf::io::CodedInputStream packed(field.bytes.data(), static_cast<int>(field.bytes.size()));
  while (packed.CurrentPosition() < static_cast<int>(field.bytes.size())) {
    std::uint64_t value = 0;
    if (!packed.ReadVarint64(&value)) return false;
    add(value);
  }
  return true;
}

/// The parts of a TensorProto, gathered field by field.
class TensorReader {
 public:
  Status read(Bytes message) {
    MessageReader reader(message);
    Field field;
    while (reader.next(field)) {
      if (!read_field(field)) return damaged_onnx("a tensor");
    }
    return reader.damaged() ? damaged_onnx("a tensor") : Status();
  }

  [[nodiscard]] const std::string& name() const { return name_; }

  /// `decoded` keeps what cannot stay in place.
  Result<TensorRecord> finish(std::deque<std::vector<std::uint8_t>>& decoded) {
    if (external_) return bad_model("its data lies in another file (external data), which is not supported");
    const OnnxType* type = nullptr;
    for (const OnnxType& row : kOnnxTypes) {
      if (row.code == type_) type = &row;
    }
    if (type == nullptr)
      return bad_model("its ONNX data type " + std::to_string(type_) + " is not supported");
    if (raw_) return view_contiguous(type->dtype, dims_, *raw_);
    const std::size_t size = dtype_size(type->dtype);
    if (type->dtype == DType::Float32 || type->dtype == DType::Float64) {
      if (numbers_.empty()) return view_contiguous(type->dtype, dims_, fixed_);
      return view_contiguous(type->dtype, dims_, decoded.emplace_back(std::move(numbers_)));
    }
    std::vector<std::uint8_t>& bytes = decoded.emplace_back(integers_.size() * size);
    for (std::size_t i = 0; i < integers_.size(); ++i) std::memcpy(&bytes[i * size], &integers_[i], size);
    return view_contiguous(type->dtype, dims_, bytes);
  }

 private:
  bool read_field(const Field& field) {
    switch (field.number) {
      case 1:
        return add_varints(field, [this](std::uint64_t v) {
          if (dims_.size() <= Shape::kMaxRank) dims_.push_back(static_cast<std::int64_t>(v));
        });
      case 2:
        type_ = field.value;
        return field.varint;
      case 4:   // float_data
      case 10:  // double_data
        return add_fixed(field.bytes);
      case 5:  // int32_data: also the 8- and 16-bit types
      case 7:  // int64_data
        return add_varints(field, [this](std::uint64_t v) { integers_.push_back(v); });
      case 8:
        name_ = field.text();
        return true;
      case 9:
        raw_ = field.bytes;
        return true;
      case 13:
        external_ = true;
        return true;
      case 14:
        external_ = external_ || field.value == 1;
        return true;
      default:
        return true;
    }
  }

  // One field stays in place; several are joined.
  bool add_fixed(Bytes bytes) {
    if (fixed_.empty() && numbers_.empty()) {
      fixed_ = bytes;
      return true;
    }
    if (numbers_.empty()) numbers_.assign(fixed_.begin(), fixed_.end());
    numbers_.insert(numbers_.end(), bytes.begin(), bytes.end());
    return true;
  }

  std::string name_;
  std::uint64_t type_ = 0;
  std::vector<std::int64_t> dims_;
  std::optional<Bytes> raw_;
  Bytes fixed_;
  std::vector<std::uint8_t> numbers_;
  std::vector<std::uint64_t> integers_;
  bool external_ = false;
};

Status add_tensor(CheckpointContent& content, TensorReader& tensor, const std::string& name) {
  if (content.tensors.size() >= kMaxTensors) return bad_model("ONNX file: more than 1048576 tensors");
  Result<TensorRecord> record = tensor.finish(content.decoded);
  if (!record.ok()) return bad_tensor(name, record.status());
  if (content.tensors.emplace(name, std::move(*record)).second) return {};
  return bad_tensor(name, bad_model("it is there twice"));
}

Status read_initializer(Bytes message, CheckpointContent& content) {
  TensorReader tensor;
  FACET_RETURN_IF_ERROR(tensor.read(message));
  return add_tensor(content, tensor, tensor.name());
}

// The tensor of an attribute named "value", where there is one.
Status read_value_attribute(Bytes message, std::optional<TensorReader>& value) {
  MessageReader reader(message);
  Field field;
  std::string name;
  std::optional<Bytes> tensor;
  while (reader.next(field)) {
    if (field.number == 1) name = field.text();
    if (field.number == 5) tensor = field.bytes;
  }
  if (reader.damaged()) return damaged_onnx("an attribute");
  if (name != "value" || !tensor) return {};
  value.emplace();
  return value->read(*tensor);
}

Status read_node(Bytes message, CheckpointContent& content) {
  MessageReader reader(message);
  Field field;
  GraphNode node;
  std::optional<TensorReader> value;
  while (reader.next(field)) {
    if (field.number == 1) node.inputs.push_back(field.text());
    if (field.number == 2) node.outputs.push_back(field.text());
    if (field.number == 3) node.name = field.text();
    if (field.number == 4) node.op_type = field.text();
    if (field.number == 5) FACET_RETURN_IF_ERROR(read_value_attribute(field.bytes, value));
    if (node.inputs.size() + node.outputs.size() > kMaxNodeNames) {
      return bad_model("ONNX file: a node has more than 4096 inputs and outputs");
    }
  }
  if (reader.damaged()) return damaged_onnx("a node");
  if (content.nodes.size() >= kMaxNodes) return bad_model("ONNX file: more than 1048576 nodes");
  if (node.op_type == "Constant" && value && node.outputs.size() == 1) {
    FACET_RETURN_IF_ERROR(add_tensor(content, *value, node.outputs[0]));
  }
  content.nodes.push_back(std::move(node));
  return {};
}

Status read_graph(Bytes message, CheckpointContent& content) {
  MessageReader reader(message);
  Field field;
  while (reader.next(field)) {
    if (field.number == 1) FACET_RETURN_IF_ERROR(read_node(field.bytes, content));
    if (field.number == 2) content.metadata["graph"] = field.text();
    if (field.number == 5) FACET_RETURN_IF_ERROR(read_initializer(field.bytes, content));
    if (field.number == 15) return bad_model("ONNX file: sparse initializers are not supported");
  }
  return reader.damaged() ? damaged_onnx("the graph") : Status();
}

Status read_property(Bytes message, CheckpointContent& content) {
  MessageReader reader(message);
  Field field;
  std::string key;
  std::string value;
  while (reader.next(field)) {
    if (field.number == 1) key = field.text();
    if (field.number == 2) value = field.text();
  }
  if (reader.damaged()) return damaged_onnx("a property");
  content.metadata[key] = value;
  return {};
}

Status read_model(Bytes message, CheckpointContent& content, bool& has_graph) {
  MessageReader reader(message);
  Field field;
  while (reader.next(field)) {
    if (field.number == 1) content.metadata["ir_version"] = std::to_string(field.value);
    if (field.number == 2) content.metadata["producer"] = field.text();
    if (field.number == 3) content.metadata["producer_version"] = field.text();
    if (field.number == 14) FACET_RETURN_IF_ERROR(read_property(field.bytes, content));
    if (field.number != 7) continue;
    has_graph = true;
    FACET_RETURN_IF_ERROR(read_graph(field.bytes, content));
  }
  return reader.damaged() ? damaged_onnx("the model") : Status();
}

}  // namespace

bool looks_like_onnx(Bytes bytes) { return bytes.size() >= 2 && bytes[0] == 0x08 && bytes[1] < 0x80; }

Result<CheckpointContent> read_onnx(Bytes bytes) {
  if (bytes.size() > INT_MAX) {
    return bad_model("ONNX file: " + std::to_string(bytes.size()) + " bytes, the format allows 2 GiB");
  }
  CheckpointContent content{.container = "ONNX"};
  bool has_graph = false;
  FACET_RETURN_IF_ERROR(read_model(bytes, content, has_graph));
  if (!has_graph) return bad_model("this file begins like an ONNX model and holds no graph");
  return content;
}

}  // namespace facet::io
