#include "io/checkpoint.h"

#include <utility>

#include "io/bad_model.h"
#include "io/onnx_reader.h"
#include "io/pytorch_reader.h"
#include "io/safetensors_reader.h"

namespace facet::io {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool begins_with(Bytes bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), bytes.begin(),
                    [](char a, auto b) { return static_cast<std::uint8_t>(a) == b; });
}

Result<CheckpointContent> read_any(Bytes bytes) {
  if (bytes.empty()) return bad_model("the file is empty");
  if (looks_like_safetensors(bytes)) return read_safetensors(bytes);
  if (begins_with(bytes, "PK")) return read_pytorch_zip(bytes);
  if (begins_with(bytes, "\x80\x02")) return read_pytorch_legacy(bytes);
  if (looks_like_onnx(bytes)) return read_onnx(bytes);
  return bad_model("the file of " + std::to_string(bytes.size()) +
                   " bytes is no PyTorch checkpoint, safetensors file or ONNX model");
}

// The length of the UTF-8 sequence at the start of `text`; 0 where it is not valid.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool outside = (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || outside ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

Status check_names(const CheckpointContent& content) {
  for (const auto& [name, record] : content.tensors) {
    if (!is_utf8(name)) return bad_tensor(name, bad_model("its name is not valid UTF-8"));
  }
  if (!is_utf8(content.nested_key)) return bad_model("the key of its weights is not valid UTF-8");
  for (const auto& [key, value] : content.metadata) {
    if (!is_utf8(key) || !is_utf8(value)) return bad_model("metadata '" + key + "' is not valid UTF-8");
  }
  return {};
}

}  // namespace

Checkpoint::Checkpoint(std::filesystem::path path, std::optional<MappedFile> file,
                       std::vector<std::uint8_t> memory)
    : path_(std::move(path)), file_(std::move(file)), memory_(std::move(memory)) {}

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& path) {
  FACET_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  Checkpoint checkpoint(path, std::move(file), {});
  FACET_RETURN_IF_ERROR(checkpoint.read_content());
  return checkpoint;
}

Result<Checkpoint> Checkpoint::from_bytes(std::vector<std::uint8_t> bytes,
                                          const std::filesystem::path& path) {
  Checkpoint checkpoint(path, std::nullopt, std::move(bytes));
  FACET_RETURN_IF_ERROR(checkpoint.read_content());
  return checkpoint;
}

Bytes Checkpoint::bytes() const { return file_ ? file_->bytes() : Bytes(memory_); }

Status Checkpoint::read_content() {
  Result<CheckpointContent> content = read_any(bytes());
  if (!content.ok()) return content.status().with_context(path_.string());
  content_ = std::move(*content);
  return check_names(content_).with_context(path_.string());
}

Result<const TensorRecord*> Checkpoint::find(std::string_view name) const {
  const auto found = content_.tensors.find(name);
  if (found != content_.tensors.end()) return &found->second;
  return bad_model("there is no tensor '" + std::string(name) + "'").with_context(path_.string());
}

Result<Tensor> Checkpoint::read(std::string_view name) const {
  FACET_ASSIGN_OR_RETURN(const TensorRecord* record, find(name));
  return copy_tensor(*record);
}

Result<Tensor> Checkpoint::read_float32(std::string_view name) const {
  FACET_ASSIGN_OR_RETURN(const TensorRecord* record, find(name));
  return copy_as_float32(*record);
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(content_.tensors.size());
  for (const auto& [name, record] : content_.tensors) names.push_back(name);
  return names;
}

std::string Checkpoint::note(const std::string& key) const {
  const auto found = metadata().find(key);
  return found == metadata().end() ? std::string() : found->second;
}

std::optional<Shape> Checkpoint::shape(std::string_view name) const {
  const auto found = content_.tensors.find(name);
  return found == content_.tensors.end() ? std::nullopt : std::optional(found->second.shape);
}

void Checkpoint::release(std::string_view name) const {
  const auto found = content_.tensors.find(name);
  if (file_ && found != content_.tensors.end()) file_->release(found->second.storage);
}

}  // namespace facet::io
