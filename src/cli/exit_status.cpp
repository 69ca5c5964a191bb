#include "cli/exit_status.h"

#include <exception>
#include <new>
#include <string>

namespace facet::cli {
namespace {

Status current_exception_status() {
  try {
    throw;
  } catch (const StatusError& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return {StatusCode::OutOfMemory, "the machine's memory does not suffice"};
  } catch (const std::exception& error) {
    return {StatusCode::Internal, error.what()};
  } catch (...) {
    return {StatusCode::Internal, "an exception of unknown type"};
  }
}

}  // namespace

int report(const Status& status, Io& io) {
  if (status.code() == StatusCode::Internal) {
    tell(io, "this is a bug in facet: " + status.message());
  } else if (!status.ok()) {
    tell(io, status.message());
  }
  return status_row(status.code()).exit_status;
}

int report_exception(Io& io) { return report(current_exception_status(), io); }

}  // namespace facet::cli
