#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/api/json.h"
#include "service/http/message.h"

namespace facet::service {

/// A tensor of an inference request: JSON elements, or raw bytes after the JSON.
struct InferTensor {
  std::string name;
  std::string datatype;  ///< "UINT8", "FP32", "INT64", "BYTES" ...
  std::vector<std::int64_t> shape;
  Location location;  ///< in the request
  std::vector<double>
      numbers;  ///< of all types but BYTES that came as JSON, and of binary ones of few elements
  std::vector<std::string> texts;  ///< of BYTES
  std::string_view raw;            ///< of binary UINT8, which is not copied

  [[nodiscard]] std::int64_t elements() const;
};

/// The tensors of a request that passed the schema InferRequest; `binary` is what follows the JSON.
/// Errors  RefusedRequest with 422 naming the tensor: a datatype that is not known, elements that do not fill
/// the
///         shape, binary data of another size than declared
/// Source  Open Inference Protocol v2 and its binary tensor data extension
[[nodiscard]] std::vector<InferTensor> read_infer_tensors(const Json& inputs, std::string_view binary);

/// Writes tensors of an answer as JSON, or as binary data after it.
class InferAnswer {
 public:
  /// `head` holds all but the outputs.
  explicit InferAnswer(const Json& head);
  void add(const std::string& name, std::vector<std::int64_t> shape, std::span<const float> values,
           bool binary);
  void add(const std::string& name, std::vector<std::int64_t> shape, std::span<const std::uint8_t> values,
           bool binary);
  [[nodiscard]] HttpResponse response() const;

 private:
  void add_entry(const std::string& name, const std::string& datatype, const std::vector<std::int64_t>& shape,
                 const Json& data, std::string_view bytes, bool binary);
  std::shared_ptr<Json> head_;
  std::string binary_;
};

}  // namespace facet::service
