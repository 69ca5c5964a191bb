#pragma once

#include <functional>
#include <memory>
#include <string>

#include "service/api/access.h"
#include "service/api/context.h"
#include "service/api/request_pool.h"
#include "service/api/route.h"
#include "service/api/trace.h"
#include "service/http/server.h"
#include "service/request_log.h"

namespace facet::service {

/// Answers the requests of one port by a table of routes: who may, which handler, what is refused and how;
/// and counts and logs each of them.
///
/// Metrics  facet_http_requests_total{route, method, status}, facet_http_request_seconds{route},
///          facet_http_stage_seconds{stage}
/// Threads  as HttpApplication; handlers run on the pool
class Application : public HttpApplication {
 public:
  struct Parts {
    const ServiceContext& context;
    const RouteTable& routes;
    const Access& access;  ///< of the routes that need a token
    const CrossOrigin& cross_origin;
    RequestPool& pool;
    RequestLog& log;
  };
  explicit Application(Parts parts);

  std::optional<HttpResponse> screen(const HttpRequest& head) override;
  void serve(ExchangePtr exchange) override;
  HttpResponse refuse(const HttpRequest& head, int status, std::string_view code,
                      std::string message) override;

 private:
  struct Served;
  void run(Served& served);
  HttpResponse answer_of(Served& served);
  void set_deadline(Served& served);
  void finish(Served& served, HttpResponse response);
  HttpResponse refusal(const HttpRequest& head, const Route* route, const ApiError& error);
  void dress(const HttpRequest& head, const RequestNames& names, HttpResponse& response) const;
  void count(const Route* route, const HttpRequest& head, int status, double seconds);

  const Parts parts_;
  RequestNamer namer_;
};

}  // namespace facet::service
