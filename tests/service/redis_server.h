#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/paths.h"

namespace facet::service {

/// A real redis-server on a loopback port that the system picked; nothing is kept on disk. Ends with the
/// object.
class RedisServer {
 public:
  /// `options` are further command line options. Throws std::runtime_error when the server does not start.
  explicit RedisServer(std::vector<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  /// Whether this machine has the program.
  static bool installed();
  [[nodiscard]] int port() const { return port_; }
  void pause() const;
  void resume() const;
  void kill_now();
  /// Starts it again on the same port, empty.
  void restart();

 private:
  bool start();
  testing::TemporaryFolder folder_;
  std::vector<std::string> options_;
  int port_ = 0;
  pid_t process_ = -1;
};

}  // namespace facet::service
