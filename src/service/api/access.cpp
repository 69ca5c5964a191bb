#include "service/api/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "service/embedding_key.h"
#include "service/http/header_value.h"

namespace facet::service {
namespace {

constexpr std::size_t kMinToken = 16;

std::string digest_of(std::string_view token) {
  const ContentHash hash = content_hash({reinterpret_cast<const std::uint8_t*>(token.data()), token.size()});
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

Status bad_line(const std::filesystem::path& path, int line, std::string_view reason) {
  return {StatusCode::Usage, fmt::format("{}, line {}: {}", path.string(), line, reason)};
}

}  // namespace

Result<Access> Access::read(const std::filesystem::path& path) {
  std::ifstream stream(path);
  if (!stream)
    return Status(StatusCode::Usage, fmt::format("tokens_file {}: {}", path.string(), std::strerror(errno)));
  Access access;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name;
    std::string token;
    std::string more;
    if (!(words >> name >> token) || words >> more) return bad_line(path, number, "expected NAME TOKEN");
    if (token.size() < kMinToken) return bad_line(path, number, "expected a token of 16 characters or more");
    std::string digest = digest_of(token);
    if (std::ranges::find(access.tokens_, digest, &Token::digest) != access.tokens_.end()) {
      return bad_line(path, number, "this token stands on an earlier line too");
    }
    access.tokens_.push_back({std::move(name), std::move(digest)});
  }
  if (access.open())
    return Status(StatusCode::Usage, fmt::format("tokens_file {}: it holds no token", path.string()));
  return access;
}

std::optional<std::string> Access::tenant(std::optional<std::string_view> authorization) const {
  if (open()) return std::string();
  if (!authorization) return std::nullopt;
  const std::size_t space = std::min(authorization->find(' '), authorization->size());
  if (to_lower(authorization->substr(0, space)) != "bearer") return std::nullopt;
  const std::string digest = digest_of(trimmed(authorization->substr(space)));
  // All are compared, whichever fits: the time tells nothing.
  const Token* found = nullptr;
  for (const Token& token : tokens_) {
    if (CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) found = &token;
  }
  if (found == nullptr) return std::nullopt;
  return found->name;
}

HeaderFields CrossOrigin::headers(std::optional<std::string_view> origin) const {
  if (origins_.empty()) return {};
  HeaderFields fields = {{"Vary", "Origin"}};
  if (!origin || !allows(*origin)) return fields;
  fields.emplace_back("Access-Control-Allow-Origin", *origin);
  fields.emplace_back("Access-Control-Expose-Headers",
                      "ETag, Location, Retry-After, X-Request-Id, traceparent, X-Mask-Shape, X-Mask-Scores, "
                      "X-Masks-Per-Object, Inference-Header-Content-Length");
  return fields;
}

bool CrossOrigin::allows(std::string_view origin) const {
  return std::ranges::any_of(origins_,
                             [&](const std::string& each) { return each == "*" || each == origin; });
}

std::optional<HttpResponse> CrossOrigin::preflight(const HttpRequest& head) const {
  if (head.method != "OPTIONS" || !head.header("access-control-request-method")) return std::nullopt;
  const auto origin = head.header("origin");
  if (!origin || !allows(*origin)) return std::nullopt;
  HttpResponse response{.status = 204, .headers = headers(origin)};
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, DELETE");
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Authorization, Content-Type, X-Request-Id, X-Timeout-Ms, traceparent, "
                                "Inference-Header-Content-Length");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

}  // namespace facet::service
