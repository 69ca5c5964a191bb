#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "facet/status.h"
#include "service/http/byte_budget.h"
#include "service/http/message.h"

namespace facet::service {

/// The body of one request as it arrives: collected, or taken apart when it is a form.
class BodyReader {
 public:
  enum class Refusal { None, TooLong, NoRoom, Malformed };

  BodyReader(std::size_t max_bytes, ByteBudget& budget) : max_bytes_(max_bytes), held_(budget) {}

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
  HeldBytes held_;
  std::string bytes_;
  std::optional<MultipartParser> form_;
  Refusal refusal_ = Refusal::None;
  Status status_;
};

}  // namespace facet::service
