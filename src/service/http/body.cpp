#include "service/http/body.h"

#include <utility>

namespace facet::service {

Status BodyReader::begin(const HttpRequest& head, const MultipartLimits& limits) {
  if (head.media_type() != "multipart/form-data") return {};
  FACET_ASSIGN_OR_RETURN(const std::string boundary, multipart_boundary(*head.header("content-type")));
  form_.emplace(boundary, limits);
  return {};
}

bool BodyReader::put(std::string_view bytes) {
  if (refusal_ != Refusal::None) return false;
  if (bytes.size() > max_bytes_ - held_.bytes()) return fail(Refusal::TooLong);
  if (!held_.grow_to(held_.bytes() + bytes.size())) return fail(Refusal::NoRoom);
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
