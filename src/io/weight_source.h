#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"
#include "facet/tensor.h"

namespace facet::io {

/// Named weights, wherever they lie: one checkpoint, or several files that together hold a model.
/// Threads  all methods may be called from several threads at once
class WeightSource {
 public:
  virtual ~WeightSource();
  /// The path or paths, for messages.
  [[nodiscard]] virtual std::string describe() const = 0;
  /// All names, sorted.
  [[nodiscard]] virtual std::vector<std::string> names() const = 0;
  /// The shape under `name`; nothing where there is no such tensor.
  [[nodiscard]] virtual std::optional<Shape> shape(std::string_view name) const = 0;
  /// The tensor as contiguous float32, whatever its type and strides in the file.
  /// Errors  BadModel when there is no such tensor
  [[nodiscard]] virtual Result<Tensor> read_float32(std::string_view name) const = 0;
  /// What the file says beside its weights under `key` (the __metadata__ of safetensors); empty = nothing.
  [[nodiscard]] virtual std::string note(const std::string& /*key*/) const { return {}; }
  /// The file's pages of this tensor are no longer needed; it can still be read again.
  virtual void release(std::string_view name) const = 0;

 protected:
  WeightSource() = default;
  WeightSource(const WeightSource&) = default;
  WeightSource(WeightSource&&) = default;
  WeightSource& operator=(const WeightSource&) = default;
  WeightSource& operator=(WeightSource&&) = default;
};

}  // namespace facet::io
