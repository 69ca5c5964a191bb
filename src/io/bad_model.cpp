#include "io/bad_model.h"

#include <algorithm>

namespace facet::io {
namespace {

constexpr std::size_t kMaxMessage = 500;
constexpr std::size_t kMaxName = 120;

}  // namespace

Status bad_model(std::string message) {
  if (message.size() > kMaxMessage) message = message.substr(0, kMaxMessage) + "...";
  std::replace_if(
      message.begin(), message.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return {StatusCode::BadModel, std::move(message)};
}

Status bad_tensor(std::string_view name, const Status& status) {
  return bad_model("tensor '" + std::string(name.substr(0, kMaxName)) + "': " + status.message());
}

}  // namespace facet::io
