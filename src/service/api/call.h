#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/api/json.h"
#include "service/api/trace.h"
#include "service/engine.h"
#include "service/http/message.h"

namespace facet::service {

struct ServiceContext;

/// One request on its way through a handler.
/// Threads  one at a time
class Call {
 public:
  Call(const ServiceContext& service, HttpRequest& request, RequestNames names);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  [[nodiscard]] const ServiceContext& service() const { return service_; }
  [[nodiscard]] HttpRequest& request() { return request_; }
  [[nodiscard]] const RequestNames& names() const { return names_; }
  /// The text that stood for `{name}` in the route's path; empty when the route has none.
  [[nodiscard]] std::string path_value(std::string_view name) const;

  /// The JSON body, or the fields of a form that are not files; checked against the route's schema.
  [[nodiscard]] const Json& body() const { return *body_; }
  void set_body(Json body);
  /// A field of the body; null when absent or null.
  [[nodiscard]] const Json* field(const char* name) const;
  /// The files of a form under one name, in order.
  [[nodiscard]] std::vector<FormPart*> files(std::string_view name);

  /// Notes how long a stage took, for the log and the metrics.
  void note_stage(std::string_view stage, Duration time);
  [[nodiscard]] const std::vector<std::pair<std::string, double>>& stages_ms() const { return stages_ms_; }

  std::map<std::string, std::string> path_values;
  std::string tenant;
  RequestScope scope;
  std::string model;  ///< that was used, for the log

 private:
  const ServiceContext& service_;
  HttpRequest& request_;
  RequestNames names_;
  std::unique_ptr<Json> body_;
  std::vector<std::pair<std::string, double>> stages_ms_;
};

/// Notes the time from its making to its end as a stage.
class StageTimer {
 public:
  StageTimer(Call& call, std::string_view stage) : call_(call), stage_(stage) {}
  ~StageTimer() { call_.note_stage(stage_, std::chrono::steady_clock::now() - start_); }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  Call& call_;
  std::string_view stage_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace facet::service
