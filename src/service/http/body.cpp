#include "service/http/body.h"

#include <utility>

namespace facet::service {

bool BodyBudget::take(std::size_t bytes) {
  std::size_t held = held_.load();
  while (bytes <= limit_ - std::min(limit_, held)) {
    if (held_.compare_exchange_weak(held, held + bytes)) return true;
  }
  return false;
}

Status BodyReader::begin(const HttpRequest& head, const MultipartLimits& limits) {
  if (head.media_type() != "multipart/form-data") return {};
  FACET_ASSIGN_OR_RETURN(const std::string boundary, multipart_boundary(*head.header("content-type")));
  form_.emplace(boundary, limits);
  return {};
}

bool BodyReader::put(std::string_view bytes) {
  if (refusal_ != Refusal::None) return false;
  if (bytes.size() > max_bytes_ - taken_) return fail(Refusal::TooLong);
  if (!budget_.take(bytes.size())) return fail(Refusal::NoRoom);
  taken_ += bytes.size();
  if (!form_) {
    bytes_.append(bytes);
    return true;
  }
  Status status = form_->feed(bytes);
  return status.ok() || fail(Refusal::Malformed, std::move(status));
}

bool BodyReader::finish() {
  if (refusal_ != Refusal::None) return false;
  if (!form_) return true;
  Status status = form_->finish();
  return status.ok() || fail(Refusal::Malformed, std::move(status));
}

void BodyReader::move_into(HttpRequest& request) {
  request.body = std::move(bytes_);
  if (form_) request.parts = std::move(*form_).take_parts();
}

bool BodyReader::fail(Refusal refusal, Status status) {
  refusal_ = refusal;
  status_ = std::move(status);
  return false;
}

}  // namespace facet::service
