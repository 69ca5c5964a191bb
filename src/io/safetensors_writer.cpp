#include "io/safetensors_writer.h"

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "io/atomic_file.h"

namespace facet::io {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kAlignment = 64;  // of the first tensor: the length, of 8 bytes, lies before the header

std::string dump(const OrderedJson& header) {
  try {
    return header.dump();
  } catch (const OrderedJson::type_error& error) {
    throw ContractError(std::string("write_safetensors: a name is not valid UTF-8: ") + error.what());
  }
}

std::string make_header(std::span<const NamedTensor> tensors,
                        const std::map<std::string, std::string>& metadata) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const NamedTensor& entry : tensors) {
    FACET_CHECK(entry.name != "__metadata__" && !header.contains(entry.name),
                "write_safetensors: the name '" + entry.name + "' is taken");
    const auto dims = entry.tensor.shape().dims();
    const std::size_t end = offset + entry.tensor.size_bytes();
    header[entry.name] = {{"dtype", dtype_name(entry.tensor.dtype())},
                          {"shape", std::vector<std::int64_t>(dims.begin(), dims.end())},
                          {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = dump(header);
  const std::size_t begin = sizeof(std::uint64_t) + text.size();
  text.append((kAlignment - begin % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace

Status write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                         const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  const std::uint64_t length = header.size();
  FACET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  FACET_RETURN_IF_ERROR(
      file.write(std::span(reinterpret_cast<const std::uint8_t*>(&length), sizeof(length))));
  FACET_RETURN_IF_ERROR(file.write(header));
  for (const NamedTensor& entry : tensors) {
    const auto* data = static_cast<const std::uint8_t*>(entry.tensor.raw());
    FACET_RETURN_IF_ERROR(file.write(std::span(data, entry.tensor.size_bytes())));
  }
  return file.commit();
}

}  // namespace facet::io
