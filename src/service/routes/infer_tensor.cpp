#include "service/routes/infer_tensor.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "facet/dtype.h"
#include "service/routes/routes.h"

static_assert(std::endian::native == std::endian::little, "binary tensors are little-endian");

namespace facet::service {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;
constexpr std::size_t kMaxNumbers = std::size_t{1} << 22;  // that are brought to double

struct Datatype {
  std::string_view name;
  std::size_t size;  // 0 = BYTES
  double (*read)(const char* bytes);
};

template <class T>
double read_as(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<double>(value);
}
double read_half(const char* bytes) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  return half_to_float(bits);
}

constexpr std::array<Datatype, 13> kDatatypes = {{{"BOOL", 1, read_as<std::uint8_t>},
                                                  {"UINT8", 1, read_as<std::uint8_t>},
                                                  {"UINT16", 2, read_as<std::uint16_t>},
                                                  {"UINT32", 4, read_as<std::uint32_t>},
                                                  {"UINT64", 8, read_as<std::uint64_t>},
                                                  {"INT8", 1, read_as<std::int8_t>},
                                                  {"INT16", 2, read_as<std::int16_t>},
                                                  {"INT32", 4, read_as<std::int32_t>},
                                                  {"INT64", 8, read_as<std::int64_t>},
                                                  {"FP16", 2, read_half},
                                                  {"FP32", 4, read_as<float>},
                                                  {"FP64", 8, read_as<double>},
                                                  {"BYTES", 0, nullptr}}};

const Datatype& datatype_of(const InferTensor& tensor) {
  for (const Datatype& known : kDatatypes) {
    if (known.name == tensor.datatype) return known;
  }
  refuse_field(tensor.location,
               "datatype: expected BOOL, UINT8 to UINT64, INT8 to INT64, FP16, FP32, FP64 or BYTES");
}

/// Elements may be nested as the shape says, or flat: the order is the same.
void flatten(const Json& data, const Datatype& type, InferTensor& tensor, std::size_t limit) {
  for (const Json& item : data) {
    if (item.is_array()) {
      flatten(item, type, tensor, limit);
      continue;
    }
    if (type.size == 0 ? !item.is_string() : !item.is_number() && !item.is_boolean()) {
      refuse_field(tensor.location, type.size == 0 ? "data: expected texts" : "data: expected numbers");
    }
    if (tensor.numbers.size() + tensor.texts.size() == limit)
      refuse_field(tensor.location, fmt::format("data: expected {} elements, found more", limit));
    if (type.size == 0) {
      tensor.texts.push_back(item.get<std::string>());
    } else {
      tensor.numbers.push_back(item.is_boolean() ? double(item.get<bool>()) : item.get<double>());
    }
  }
}

/// Elements of BYTES: each has its length in four bytes before it.
void read_texts(std::string_view bytes, InferTensor& tensor) {
  while (!bytes.empty()) {
    std::uint32_t length = 0;
    if (bytes.size() < sizeof length) refuse_field(tensor.location, "binary data: it ends within a length");
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(sizeof length);
    if (length > bytes.size())
      refuse_field(tensor.location, "binary data: an element is longer than what is left");
    tensor.texts.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
}

void read_binary(std::string_view bytes, const Datatype& type, InferTensor& tensor) {
  if (type.size == 0) return read_texts(bytes, tensor);
  const auto count = static_cast<std::size_t>(tensor.elements());
  if (bytes.size() % type.size != 0 || bytes.size() / type.size != count) {
    refuse_field(tensor.location,
                 fmt::format("binary data: expected {} bytes for {} of {} elements, found {}",
                             count * type.size, type.name, count, bytes.size()));
  }
  if (type.name == "UINT8" && tensor.name == "image") {
    tensor.raw = bytes;
    return;
  }
  if (count > kMaxNumbers)
    refuse_field(tensor.location, fmt::format("expected at most {} elements of this type", kMaxNumbers));
  for (std::size_t i = 0; i < count; ++i) tensor.numbers.push_back(type.read(bytes.data() + i * type.size));
}

void check_shape(const InferTensor& tensor) {
  std::int64_t elements = 1;
  for (const std::int64_t dim : tensor.shape) {
    if (dim != 0 && elements > kMaxElements / dim)
      refuse_field(tensor.location, "shape: more elements than this service takes");
    elements *= dim;
  }
}

InferTensor read_tensor(const Json& input, std::size_t index, std::string_view& binary) {
  InferTensor tensor{.name = input.at("name").get<std::string>(),
                     .datatype = input.at("datatype").get<std::string>(),
                     .shape = input.at("shape").get<std::vector<std::int64_t>>()};
  tensor.location = {"body", "inputs", index};
  const Datatype& type = datatype_of(tensor);
  check_shape(tensor);
  const auto parameters = input.find("parameters");
  if (parameters != input.end() && parameters->contains("binary_data_size")) {
    const auto size = (*parameters)["binary_data_size"].get<std::size_t>();
    if (size > binary.size())
      refuse_field(tensor.location, fmt::format("binary_data_size: {} bytes are left after the JSON, not {}",
                                                binary.size(), size));
    read_binary(binary.substr(0, size), type, tensor);
    binary.remove_prefix(size);
  } else if (const auto data = input.find("data"); data != input.end()) {
    flatten(*data, type, tensor, static_cast<std::size_t>(tensor.elements()));
  }
  const std::size_t found = tensor.numbers.size() + tensor.texts.size() + tensor.raw.size();
  if (found != static_cast<std::size_t>(tensor.elements())) {
    refuse_field(tensor.location,
                 fmt::format("data: the shape has {} elements, found {}", tensor.elements(), found));
  }
  return tensor;
}

}  // namespace

std::int64_t InferTensor::elements() const {
  std::int64_t elements = 1;
  for (const std::int64_t dim : shape) elements *= dim;
  return elements;
}

std::vector<InferTensor> read_infer_tensors(const Json& inputs, std::string_view binary) {
  std::vector<InferTensor> tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i) tensors.push_back(read_tensor(inputs[i], i, binary));
  if (!binary.empty())
    refuse_field({"body"}, fmt::format("{} bytes follow the last binary tensor", binary.size()));
  return tensors;
}

InferAnswer::InferAnswer(const Json& head) : head_(std::make_shared<Json>(head)) {}

void InferAnswer::add(const std::string& name, std::vector<std::int64_t> shape, std::span<const float> values,
                      bool binary) {
  Json data = Json::array();
  for (const float value : values) {
    if (binary) break;
    data.push_back(shortest(value));
  }
  add_entry(name, "FP32", shape, data, {reinterpret_cast<const char*>(values.data()), values.size_bytes()},
            binary);
}

void InferAnswer::add(const std::string& name, std::vector<std::int64_t> shape,
                      std::span<const std::uint8_t> values, bool binary) {
  Json data = Json::array();
  if (!binary) data = std::vector<std::uint8_t>(values.begin(), values.end());
  add_entry(name, "UINT8", shape, data, {reinterpret_cast<const char*>(values.data()), values.size()},
            binary);
}

void InferAnswer::add_entry(const std::string& name, const std::string& datatype,
                            const std::vector<std::int64_t>& shape, const Json& data, std::string_view bytes,
                            bool binary) {
  Json entry = {{"name", name}, {"datatype", datatype}, {"shape", shape}};
  if (binary) {
    entry["parameters"] = {{"binary_data_size", bytes.size()}};
    binary_.append(bytes);
  } else {
    entry["data"] = data;
  }
  (*head_)["outputs"].push_back(std::move(entry));
}

HttpResponse InferAnswer::response() const {
  HttpResponse response = json_response(*head_);
  if (binary_.empty()) return response;
  response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(response.body.size()));
  response.content_type = "application/octet-stream";
  response.body += binary_;
  return response;
}

}  // namespace facet::service
