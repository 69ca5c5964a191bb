#include "facet/status.h"

#include <array>

#include "core/check.h"

namespace facet {
namespace {

constexpr std::array<StatusRow, 13> kStatusTable = {{
    {StatusCode::Ok, "ok", 0, 200},
    {StatusCode::Usage, "usage", 2, 400},
    {StatusCode::BadPicture, "bad_picture", 3, 422},
    {StatusCode::BadPrompt, "bad_prompt", 3, 422},
    {StatusCode::BadModel, "bad_model", 4, 500},
    {StatusCode::OutputFailed, "output_failed", 5, 507},
    {StatusCode::FetchFailed, "fetch_failed", 5, 502},
    {StatusCode::OutOfMemory, "out_of_memory", 5, 503},
    {StatusCode::DeviceFailed, "device_failed", 5, 503},
    {StatusCode::Cancelled, "cancelled", 130, 499},
    {StatusCode::Unavailable, "unavailable", 5, 503},
    {StatusCode::DeadlineExceeded, "deadline_exceeded", 5, 504},
    {StatusCode::Internal, "internal", 1, 500},
}};

}  // namespace

const StatusRow& status_row(StatusCode code) {
  for (const StatusRow& row : kStatusTable) {
    if (row.code == code) return row;
  }
  throw ContractError("status_row: code " + std::to_string(static_cast<int>(code)) + " is not in the table");
}

Status Status::with_context(std::string_view context) const {
  if (ok()) return *this;
  return {code_, std::string(context) + ": " + message_};
}

}  // namespace facet
