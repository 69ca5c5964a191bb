#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"
#include "service/http/message.h"

namespace facet::service {

/// Who may call. Without tokens anybody may, as the tenant "".
class Access {
 public:
  Access() = default;
  /// Lines of NAME TOKEN; empty lines and lines that start with # are skipped. A name may have several
  /// tokens. Errors  Usage naming the file and the line: unreadable, another form, a token under 16
  /// characters or twice
  static Result<Access> read(const std::filesystem::path& path);

  [[nodiscard]] bool open() const { return tokens_.empty(); }
  /// The tenant behind the header Authorization, which is compared in constant time; nothing when refused.
  [[nodiscard]] std::optional<std::string> tenant(std::optional<std::string_view> authorization) const;

 private:
  struct Token {
    std::string name;
    std::string digest;  // SHA-256, so that all have one length
  };
  std::vector<Token> tokens_;
};

/// Which pages of other origins may call.
class CrossOrigin {
 public:
  explicit CrossOrigin(std::vector<std::string> origins) : origins_(std::move(origins)) {}
  CrossOrigin() = default;  ///< none
  /// Headers for the answer to a request from `origin`, by which a browser lets its page read it or not.
  [[nodiscard]] HeaderFields headers(std::optional<std::string_view> origin) const;
  /// The answer to a preflight; nothing when the request is none or is not allowed.
  [[nodiscard]] std::optional<HttpResponse> preflight(const HttpRequest& head) const;

 private:
  [[nodiscard]] bool allows(std::string_view origin) const;
  std::vector<std::string> origins_;
};

}  // namespace facet::service
