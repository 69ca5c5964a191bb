#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "facet/status.h"
#include "service/http/message.h"

namespace facet::service {

/// Bytes of request bodies that are held at present, of all connections together.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t limit) : limit_(limit) {}
  [[nodiscard]] bool take(std::size_t bytes);
  void give(std::size_t bytes) { held_.fetch_sub(bytes); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> held_{0};
};

/// The body of one request as it arrives: collected, or taken apart when it is a form.
class BodyReader {
 public:
  enum class Refusal { None, TooLong, NoRoom, Malformed };

  BodyReader(std::size_t max_bytes, BodyBudget& budget) : max_bytes_(max_bytes), budget_(budget) {}
  ~BodyReader() { budget_.give(taken_); }
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  /// To be called when the head is known.   Errors  Usage for a form without a proper boundary
  Status begin(const HttpRequest& head, const MultipartLimits& limits);
  /// False when no more is taken; `refusal` and `status` then say why.
  bool put(std::string_view bytes);
  bool finish();
  /// Moves what was read into the request.
  void move_into(HttpRequest& request);

  [[nodiscard]] Refusal refusal() const { return refusal_; }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  bool fail(Refusal refusal, Status status = {});
  const std::size_t max_bytes_;
  BodyBudget& budget_;
  std::size_t taken_ = 0;
  std::string bytes_;
  std::optional<MultipartParser> form_;
  Refusal refusal_ = Refusal::None;
  Status status_;
};

}  // namespace facet::service
