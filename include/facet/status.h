#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace facet {

/// What went wrong, in the words a caller acts on. Each code has one exit status and one HTTP status:
/// `status_table()` is the single place where that is written.
enum class StatusCode {
  Ok,
  Usage,             ///< an option or a combination of options makes no sense
  BadPicture,        ///< the picture is missing, damaged, of unknown kind, or too large
  BadPrompt,         ///< a point, box, mask or label does not fit the picture or each other
  BadModel,          ///< the model file is missing, damaged, hostile, or not the expected model
  OutputFailed,      ///< a result could not be written: permission, full disk, lost folder
  FetchFailed,       ///< a download did not arrive, or arrived wrong
  OutOfMemory,       ///< a stated budget or the machine's memory does not suffice
  DeviceFailed,      ///< the device is absent or was lost
  Cancelled,         ///< the caller asked to stop
  Unavailable,       ///< too much work is waiting already; the same request may succeed later
  DeadlineExceeded,  ///< the time that the caller gave was over before the work was
  Internal,          ///< a broken contract: our bug
};

/// One row of the table that maps a code to its name, the program's exit status and an HTTP status.
struct StatusRow {
  StatusCode code;
  std::string_view name;
  int exit_status;
  int http_status;
};

/// Errors  ContractError for a value outside the enumeration
const StatusRow& status_row(StatusCode code);

/// The outcome of an operation that can meet trouble outside the program: ok, or a code with a message that
/// says what was expected, what was found and where.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] bool ok() const { return code_ == StatusCode::Ok; }
  [[nodiscard]] StatusCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  /// The same status with "context: " before its message; ok stays ok.
  [[nodiscard]] Status with_context(std::string_view context) const;

 private:
  StatusCode code_ = StatusCode::Ok;
  std::string message_;
};

/// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Status status)
      : state_(std::in_place_index<1>, std::move(status)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] Status status() const { return ok() ? Status() : std::get<1>(state_); }
  /// Errors  std::bad_variant_access when there is no value
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

/// A broken contract between two parts of the program: a bug, never the user's fault.
class ContractError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Carries a Status through code that cannot return one; caught at the frames of the worker and the program.
class StatusError : public std::runtime_error {
 public:
  explicit StatusError(Status status) : std::runtime_error(status.message()), status_(std::move(status)) {}
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  Status status_;
};

}  // namespace facet

/// Returns the status of `expression` from the enclosing function unless it is ok.
#define FACET_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                        \
    if (::facet::Status facet_status = (expression); !facet_status.ok()) return facet_status; \
  } while (false)

#define FACET_CONCAT_INNER(a, b) a##b
#define FACET_CONCAT(a, b) FACET_CONCAT_INNER(a, b)
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot stand in parentheses
#define FACET_ASSIGN_OR_RETURN_IMPL(result, target, expression) \
  auto result = (expression);                                   \
  if (!result.ok()) return result.status();                     \
  target = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)
/// `FACET_ASSIGN_OR_RETURN(Image image, read_image(path));`
#define FACET_ASSIGN_OR_RETURN(target, expression) \
  FACET_ASSIGN_OR_RETURN_IMPL(FACET_CONCAT(facet_result_, __LINE__), target, expression)
