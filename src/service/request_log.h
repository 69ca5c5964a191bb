#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/api/json.h"

namespace facet::service {

/// The log of the service: one line an event on standard error, JSON for machines or text for people. Lines
/// are written by a thread of their own; when nobody takes them, the oldest are dropped rather than the
/// service held up. Threads  any
class RequestLog {
 public:
  /// `format` "json" or "text", `level` "debug", "info", "warning" or "error"
  RequestLog(const std::string& format, const std::string& level);
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  enum class Level { Debug, Info, Warning, Error };
  /// {"time", "level", "event", and the fields of the object}
  void write(Level level, std::string_view event, const Json& fields);
  void flush();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace facet::service
