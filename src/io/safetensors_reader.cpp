#include "io/safetensors_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "io/bad_model.h"
#include "io/byte_cursor.h"

namespace facet::io {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{32} << 20;
constexpr int kMaxHeaderDepth = 4;  // object, tensor, list of numbers, and one to spare

struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string name;
};

int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '{' || c == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!quoted && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return deepest;
}

Result<Json> parse_header(std::string_view text) {
  if (const int depth = nesting_depth(text); depth > kMaxHeaderDepth) {
    return bad_model("safetensors header nests " + std::to_string(depth) + " levels deep, expected at most " +
                     std::to_string(kMaxHeaderDepth));
  }
  try {
    Json header = Json::parse(text);
    if (!header.is_object()) return bad_model("safetensors header is not a JSON object");
    return header;
  } catch (const Json::parse_error& error) {
    return bad_model("safetensors header is not valid JSON at byte " + std::to_string(8 + error.byte));
  } catch (const Json::exception&) {  // a number out of range
    return bad_model("safetensors header is not valid JSON");
  }
}

// A list of integers from 0 to 2^63 - 1.
std::optional<std::vector<std::int64_t>> integers(const Json& entry, const char* key) {
  const auto list = entry.find(key);
  if (list == entry.end() || !list->is_array()) return std::nullopt;
  std::vector<std::int64_t> values;
  for (const Json& item : *list) {
    if (!item.is_number_unsigned()) return std::nullopt;
    const auto value = item.get<std::uint64_t>();
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    values.push_back(static_cast<std::int64_t>(value));
  }
  return values;
}

Result<DType> dtype_of_entry(const Json& entry) {
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) return bad_model("it has no dtype");
  const auto& name = dtype->get_ref<const std::string&>();
  const std::optional<DType> known = dtype_from_name(name);
  if (!known) return bad_model("its dtype '" + name + "' is not supported");
  return *known;
}

Result<TensorRecord> read_entry(const Json& entry, std::span<const std::uint8_t> data, Extent& extent) {
  if (!entry.is_object()) return bad_model("its header entry is not an object");
  FACET_ASSIGN_OR_RETURN(const DType dtype, dtype_of_entry(entry));
  const auto shape = integers(entry, "shape");
  if (!shape) return bad_model("its shape is not a list of sizes");
  const auto offsets = integers(entry, "data_offsets");
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    return bad_model("its data_offsets are not [begin, end]");
  }
  extent.begin = static_cast<std::uint64_t>((*offsets)[0]);
  extent.end = static_cast<std::uint64_t>((*offsets)[1]);
  if (extent.end > data.size()) {
    return bad_model("its data_offsets " + dims_text(*offsets) + " reach outside the data of " +
                     std::to_string(data.size()) + " bytes");
  }
  return view_contiguous(dtype, *shape, data.subspan(extent.begin, extent.end - extent.begin));
}

Status read_metadata(const Json& entry, std::map<std::string, std::string>& metadata) {
  if (!entry.is_object()) return bad_model("safetensors __metadata__ is not an object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) return bad_model("safetensors __metadata__ '" + key + "' is not a string");
    metadata.emplace(key, value.get<std::string>());
  }
  return {};
}

Status check_coverage(std::vector<Extent> extents, std::uint64_t size) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t covered = 0;
  for (const Extent& extent : extents) {
    if (extent.begin < covered) {
      return bad_model("tensor '" + extent.name + "' begins at byte " + std::to_string(extent.begin) +
                       " of the data and overlaps another that ends at " + std::to_string(covered));
    }
    if (extent.begin > covered) break;
    covered = extent.end;
  }
  if (covered == size) return {};
  return bad_model("no tensor covers byte " + std::to_string(covered) + " of the " + std::to_string(size) +
                   " bytes of data");
}

}  // namespace

bool looks_like_safetensors(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 9 || (bytes[8] != '{' && bytes[8] != '[')) return false;
  const bool long_header = std::any_of(bytes.begin() + 5, bytes.begin() + 8, [](auto b) { return b != 0; });
  return !long_header || bytes[0] != 0x08;  // 0x08 with text behind it begins an ONNX file
}

Result<CheckpointContent> read_safetensors(std::span<const std::uint8_t> bytes) {
  ByteCursor cursor(bytes);
  const auto length = cursor.number<std::uint64_t>();
  if (!length) return bad_model("safetensors file ends inside the length of its header");
  if (*length > kMaxHeaderBytes || *length > cursor.remaining()) {
    return bad_model("safetensors header claims " + std::to_string(*length) + " bytes, the file has " +
                     std::to_string(cursor.remaining()) + " left and a header has at most " +
                     std::to_string(kMaxHeaderBytes));
  }
  FACET_ASSIGN_OR_RETURN(const Json header, parse_header(*cursor.text(*length)));
  const auto data = *cursor.take(cursor.remaining());
  CheckpointContent content{.container = "safetensors"};
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      FACET_RETURN_IF_ERROR(read_metadata(entry, content.metadata));
      continue;
    }
    Extent extent{.name = name};
    Result<TensorRecord> record = read_entry(entry, data, extent);
    if (!record.ok()) return bad_tensor(name, record.status());
    content.tensors.emplace(name, std::move(*record));
    extents.push_back(std::move(extent));
  }
  FACET_RETURN_IF_ERROR(check_coverage(std::move(extents), data.size()));
  return content;
}

}  // namespace facet::io
