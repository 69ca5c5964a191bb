#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/paths.h"

namespace facet::testing {

/// A web server in Python on a loopback port that the system picked. Stops when the object goes.
class ScriptServer {
 public:
  /// Runs tests/support/SCRIPT with `served` and a file for its log. Throws std::runtime_error when it does
  /// not start.
  ScriptServer(const std::string& script, const std::filesystem::path& served);
  ~ScriptServer();
  ScriptServer(const ScriptServer&) = delete;
  ScriptServer& operator=(const ScriptServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const;
  /// From now on connections are taken, and nothing is ever answered.
  void fall_silent() const;
  /// The requests so far: "/file bytes=100-", or "/file -" without a range.
  [[nodiscard]] std::vector<std::string> requests() const;

 private:
  TemporaryFolder folder_;
  pid_t process_ = -1;
  int keep_alive_ = -1;  // its standard input
  std::string port_;
};

/// A web server with one file; http_server.py lists the ways in which its addresses behave.
class HttpServer {
 public:
  explicit HttpServer(const std::string& content);
  [[nodiscard]] std::string url(const std::string& path) const { return server_.url(path); }
  [[nodiscard]] std::vector<std::string> requests() const { return server_.requests(); }

 private:
  TemporaryFolder folder_;
  ScriptServer server_;
};

}  // namespace facet::testing
