#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"
#include "facet/tensor.h"
#include "io/checkpoint_content.h"
#include "io/mapped_file.h"
#include "io/weight_source.h"

namespace facet::io {

/// A published checkpoint as it is: PyTorch (zip and legacy), safetensors, or the weights inside an ONNX
/// model. The kind is recognised by content, whatever the file is called. Opening reads the directory only;
/// elements are read, from the mapped file, when they are asked for.
///
/// Nobody vouches for the file: nothing in it is executed, every size is checked before it is used, and
/// memory grows with the file at most in proportion.
class Checkpoint final : public WeightSource {
 public:
  /// Errors  BadModel naming the file, what was expected and what was found where
  static Result<Checkpoint> open(const std::filesystem::path& path);
  /// The same over bytes in memory; `path` is for messages.
  static Result<Checkpoint> from_bytes(std::vector<std::uint8_t> bytes, const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// "PyTorch zip", "PyTorch legacy", "safetensors" or "ONNX"
  [[nodiscard]] const std::string& container() const { return content_.container; }
  /// The key under which a PyTorch file keeps its weights ("model", "a.state_dict"); empty = at the top.
  [[nodiscard]] const std::string& nested_key() const { return content_.nested_key; }
  [[nodiscard]] std::uint64_t size_bytes() const { return bytes().size(); }
  /// By name, a wrapping dictionary of PyTorch files taken off (state_dict.h). Every name is valid UTF-8.
  [[nodiscard]] const std::map<std::string, TensorRecord, std::less<>>& tensors() const {
    return content_.tensors;
  }
  /// The __metadata__ of safetensors; producer and properties of ONNX; empty for PyTorch.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return content_.metadata; }
  /// The operations of an ONNX graph in its order; empty for other containers.
  [[nodiscard]] std::span<const GraphNode> nodes() const { return content_.nodes; }

  /// The tensor in its own type, contiguous.   Errors  BadModel when there is none of this name
  [[nodiscard]] Result<Tensor> read(std::string_view name) const;

  [[nodiscard]] std::string describe() const override { return path_.string(); }
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] std::optional<Shape> shape(std::string_view name) const override;
  [[nodiscard]] std::string note(const std::string& key) const override;
  [[nodiscard]] Result<Tensor> read_float32(std::string_view name) const override;
  void release(std::string_view name) const override;
  /// MappedFile::detach
  Status detach() { return file_ ? file_->detach() : Status(); }
  /// MappedFile::populate
  void populate() const {
    if (file_) file_->populate();
  }

 private:
  Checkpoint(std::filesystem::path path, std::optional<MappedFile> file, std::vector<std::uint8_t> memory);
  [[nodiscard]] std::span<const std::uint8_t> bytes() const;
  Status read_content();
  [[nodiscard]] Result<const TensorRecord*> find(std::string_view name) const;

  std::filesystem::path path_;
  std::optional<MappedFile> file_;
  std::vector<std::uint8_t> memory_;  // when there is no file
  CheckpointContent content_;         // borrows file_ or memory_, neither of which moves its bytes
};

}  // namespace facet::io
