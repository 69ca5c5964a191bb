#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "facet/status.h"
#include "service/http/message.h"

namespace facet::service {

/// A step on the way to a value in a request: a key, or the index in a list.
using LocationStep = std::variant<std::string, std::size_t>;
/// {"body", "objects", 2, "box"}
using Location = std::vector<LocationStep>;
/// The place one step on.
[[nodiscard]] Location at(Location location, LocationStep step);

/// One thing that is wrong with a request, in the words of FastAPI's validation errors.
struct ErrorDetail {
  Location location;
  std::string message;
  std::string type;  ///< "missing", "list_type", "value_error" ...
};

/// Why a request is refused.
struct ApiError {
  int status = 400;
  std::string code;     ///< "bad_prompt": for programs
  std::string message;  ///< for people; names the field
  std::vector<ErrorDetail> details;
  std::optional<std::chrono::seconds> retry_after;  ///< a 503 says a second unless this says more
};

/// Carries an ApiError from the depth of a handler to the one frame that answers with it. Handlers read
/// requests in many small steps, each of which may refuse: an exception keeps them readable, and costs only
/// the request that is refused.
class RefusedRequest : public std::runtime_error {
 public:
  explicit RefusedRequest(ApiError error) : std::runtime_error(error.message), error_(std::move(error)) {}
  [[nodiscard]] const ApiError& error() const { return error_; }

 private:
  ApiError error_;
};

/// How a family of routes writes its errors.
enum class ErrorShape {
  Standard,       ///< {"error": {"code", "message"}, "detail": text or list, "request_id"}
  OpenInference,  ///< {"error": text, "code", "detail", "request_id"}
};

/// Refuses with 422: `location` names the field.
[[noreturn]] void refuse_field(Location location, std::string message, std::string type = "value_error");
/// Refuses with `status`.
[[noreturn]] void refuse(int status, std::string code, std::string message);

/// The error behind a status of the library; `location` is where in the request it comes from, when known.
/// What says something of this machine (files, contracts) is not repeated to the client.
[[nodiscard]] ApiError error_of(const Status& status, const Location& location = {});
/// Throws unless the result is ok.
template <class T>
T value_or_refuse(Result<T> result, const Location& location = {}) {
  if (!result.ok()) throw RefusedRequest(error_of(result.status(), location));
  return std::move(result).value();
}
void ok_or_refuse(const Status& status, const Location& location = {});

/// "body.objects[2].box"
[[nodiscard]] std::string location_text(const Location& location);
[[nodiscard]] HttpResponse error_response(const ApiError& error, ErrorShape shape,
                                          std::string_view request_id);

}  // namespace facet::service
