#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/paths.h"

namespace facet::testing {

/// A web server with one file, on a loopback port that the system picked; http_server.py lists the ways in
/// which its addresses behave. Stops when the object goes.
class HttpServer {
 public:
  /// Throws std::runtime_error when the server does not start.
  explicit HttpServer(const std::string& content);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const;
  /// The requests so far: "/file bytes=100-", or "/file -" without a range.
  [[nodiscard]] std::vector<std::string> requests() const;

 private:
  TemporaryFolder folder_;
  pid_t process_ = -1;
  int keep_alive_ = -1;  // its standard input
  std::string port_;
};

}  // namespace facet::testing
