#include "io/pytorch_reader.h"

#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "io/bad_model.h"
#include "io/pickle.h"
#include "io/state_dict.h"
#include "io/zip_directory.h"

namespace facet::io {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Kind = PickleValue::Kind;
using OpenStorage = std::function<Result<Bytes>(const PickleStorage&)>;

constexpr std::string_view kLegacyMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t kLegacyProtocol = 1001;

std::string where_in_file(const char* part) { return std::string("PyTorch file, ") + part; }

std::optional<std::uint64_t> claimed_bytes(const PickleStorage& storage) {
  std::uint64_t bytes = 0;
  const std::uint64_t size = storage.untyped ? 1 : dtype_size(storage.dtype);
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(storage.numel), size, &bytes)) return std::nullopt;
  return bytes;
}

Result<TensorRecord> resolve(const Pickle& pickle, const PickleTensor& tensor, const OpenStorage& open) {
  const PickleStorage& storage = pickle.storages[tensor.storage];
  FACET_ASSIGN_OR_RETURN(const Bytes bytes, open(storage));
  const auto wanted = claimed_bytes(storage);
  if (!wanted || *wanted > bytes.size()) {
    return bad_model("storage '" + std::string(storage.key) + "' claims " + std::to_string(storage.numel) +
                     " elements, the file holds " + std::to_string(bytes.size()) + " bytes for it");
  }
  return view_storage(
      {.dtype = tensor.dtype, .dims = tensor.dims, .strides = tensor.strides, .offset = tensor.offset},
      bytes.first(*wanted));
}

Result<CheckpointContent> collect(const Pickle& pickle, const char* container, const OpenStorage& open) {
  const StateDict weights = find_state_dict(pickle);
  CheckpointContent content{.container = container, .nested_key = weights.key};
  for (const auto& [name, index] : weights.tensors) {
    Result<TensorRecord> record = resolve(pickle, pickle.tensors[index], open);
    if (!record.ok()) return bad_tensor(name, record.status());
    content.tensors.emplace(name, std::move(*record));
  }
  if (content.tensors.empty()) return bad_model("the file holds no dictionary of named tensors");
  return content;
}

Status check_byte_order(const ZipDirectory& zip, const std::string& prefix) {
  const std::string name = prefix + "byteorder";
  if (!zip.contains(name)) return {};  // written since PyTorch 2.1
  FACET_ASSIGN_OR_RETURN(const Bytes order, zip.open(name));
  const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
  if (text == "little") return {};
  return bad_model("PyTorch file: byte order '" + std::string(text) + "', expected 'little'");
}

Status read_legacy_header(ByteCursor& cursor) {
  FACET_ASSIGN_OR_RETURN(const Pickle magic, read_pickle(cursor, where_in_file("magic number")));
  if (magic.at(magic.root).text != kLegacyMagic) {
    return bad_model(
        "this pickle does not begin with PyTorch's magic number: it is not a PyTorch checkpoint");
  }
  FACET_ASSIGN_OR_RETURN(const Pickle protocol, read_pickle(cursor, where_in_file("protocol")));
  const PickleValue& version = protocol.at(protocol.root);
  if (version.kind != Kind::Int || version.integer != kLegacyProtocol) {
    return bad_model("PyTorch file: protocol is not " + std::to_string(kLegacyProtocol));
  }
  FACET_ASSIGN_OR_RETURN(const Pickle system, read_pickle(cursor, where_in_file("system information")));
  const PickleValue& facts = system.at(system.root);
  for (std::size_t i = 0; i + 1 < facts.items.size(); i += 2) {
    const PickleValue& value = system.at(facts.items[i + 1]);
    if (system.at(facts.items[i]).text == "little_endian" && value.integer != 1) {
      return bad_model("PyTorch file: it was written on a big-endian machine");
    }
  }
  return {};
}

// The storages behind the last pickle, each 8 bytes with its number of elements, then the elements.
Result<std::map<std::string_view, Bytes>> read_legacy_storages(ByteCursor& cursor, const Pickle& object) {
  FACET_ASSIGN_OR_RETURN(const Pickle keys, read_pickle(cursor, where_in_file("storage keys")));
  std::map<std::string_view, const PickleStorage*> claims;
  for (const PickleStorage& storage : object.storages) claims.emplace(storage.key, &storage);
  std::map<std::string_view, Bytes> storages;
  for (const std::uint32_t item : keys.at(keys.root).items) {
    const std::string_view key = keys.at(item).text;
    const std::string label = "storage '" + std::string(key) + "'";
    const auto claim = claims.find(key);
    if (claim == claims.end()) return bad_model(label + " belongs to no tensor");
    const auto numel = cursor.number<std::int64_t>();
    if (!numel) return bad_model(label + ": the file ends before it");
    if (*numel != claim->second->numel) {
      return bad_model(label + " has " + std::to_string(*numel) + " elements, its tensor says " +
                       std::to_string(claim->second->numel));
    }
    const auto size = claimed_bytes(*claim->second);
    const auto bytes = size ? cursor.take(*size) : std::nullopt;
    if (!bytes) {
      return bad_model(label + " has " + std::to_string(*numel) + " elements, the file ends after " +
                       std::to_string(cursor.remaining()) + " bytes");
    }
    if (!storages.emplace(key, *bytes).second) return bad_model(label + " is there twice");
  }
  return storages;
}

}  // namespace

Result<CheckpointContent> read_pytorch_zip(Bytes bytes) {
  FACET_ASSIGN_OR_RETURN(const ZipDirectory zip, ZipDirectory::read(bytes));
  const std::string_view program = zip.find_suffix("data.pkl");
  if (program.empty()) return bad_model("this zip archive holds no data.pkl: it is not a PyTorch checkpoint");
  const std::string prefix(program.substr(0, program.size() - std::string_view("data.pkl").size()));
  FACET_RETURN_IF_ERROR(check_byte_order(zip, prefix));
  FACET_ASSIGN_OR_RETURN(const Bytes program_bytes, zip.open(program));
  ByteCursor cursor(program_bytes);
  FACET_ASSIGN_OR_RETURN(const Pickle pickle, read_pickle(cursor, "data.pkl"));
  return collect(pickle, "PyTorch zip", [&](const PickleStorage& storage) {
    return zip.open(prefix + "data/" + std::string(storage.key));
  });
}

Result<CheckpointContent> read_pytorch_legacy(Bytes bytes) {
  ByteCursor cursor(bytes);
  FACET_RETURN_IF_ERROR(read_legacy_header(cursor));
  FACET_ASSIGN_OR_RETURN(const Pickle object, read_pickle(cursor, where_in_file("object")));
  FACET_ASSIGN_OR_RETURN(const auto storages, read_legacy_storages(cursor, object));
  return collect(object, "PyTorch legacy", [&](const PickleStorage& storage) -> Result<Bytes> {
    const auto found = storages.find(storage.key);
    if (found != storages.end()) return found->second;
    return bad_model("storage '" + std::string(storage.key) + "' is missing");
  });
}

}  // namespace facet::io
