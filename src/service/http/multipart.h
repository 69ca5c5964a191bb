#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"

namespace facet::service {

/// One field of a form.
struct FormPart {
  std::string name;
  std::optional<std::string> file_name;  ///< as the client wrote it: never a path to open
  std::string content_type;              ///< empty = not said
  std::string data;
};

struct MultipartLimits {
  std::size_t max_parts = 128;
  std::size_t max_head_bytes = 8192;  ///< of one part's header, and of what precedes the first part
  std::size_t max_field_bytes = std::size_t{1} << 20;  ///< of one part that is not a file
};

/// Takes multipart/form-data apart as it arrives, in pieces of any size.
/// Errors  Usage naming the part and what was expected; after an error no more may be fed
/// Source  RFC 7578, RFC 2046 section 5.1; names as browsers write them (quoted, with %22 or \")
class MultipartParser {
 public:
  MultipartParser(const std::string& boundary, MultipartLimits limits = {});

  Status feed(std::string_view bytes);
  /// To be called after the last piece.   Errors  Usage when the closing boundary is missing
  Status finish();
  [[nodiscard]] std::vector<FormPart> take_parts() && { return std::move(parts_); }

 private:
  enum class State { Preamble, AfterBoundary, Head, Data, Epilogue };

  /// Whether there was enough to make a step.
  Result<bool> step();
  Result<bool> skip_preamble();
  Result<bool> read_after_boundary();
  Result<bool> read_head();
  Result<bool> read_data();
  Status append_data(std::size_t count);
  [[nodiscard]] Status bad(const std::string& reason) const;

  const std::string delimiter_;  // CR LF, two dashes, the boundary
  const MultipartLimits limits_;
  State state_ = State::Preamble;
  std::string pending_ = "\r\n";  // the first boundary needs no line end of its own
  std::size_t consumed_ = 0;      // of pending_
  std::vector<FormPart> parts_;
};

/// The boundary in a Content-Type header of the type multipart/form-data.
/// Errors  Usage: no boundary, or one that RFC 2046 does not allow
[[nodiscard]] Result<std::string> multipart_boundary(std::string_view content_type);

}  // namespace facet::service
