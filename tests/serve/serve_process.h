#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/paths.h"

namespace facet::serve_tests {

using Json = nlohmann::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

/// An answer as it came over the wire; names of headers in lower case.
struct Answer {
  int status = 0;  ///< 0: the connection ended without one
  std::map<std::string, std::string> headers;
  std::string body;
  [[nodiscard]] Json json() const { return Json::parse(body); }
};

/// A connection to a port on loopback.
class Client {
 public:
  explicit Client(std::uint16_t port);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// False when the peer is gone.
  bool send(const std::string& bytes);
  /// Reads one answer; also without a body when `head` says that none follows.
  Answer receive(bool head = false);
  void close_sending();
  /// Ends the connection at once, with a reset.
  void reset();

 private:
  bool fill();
  int socket_ = -1;
  std::string pending_;
};

/// The bytes of a request with Content-Length.
std::string request_text(const std::string& method, const std::string& path, const Headers& headers = {},
                         const std::string& body = {});

struct FormField {
  std::string name;
  std::string data;
  std::string file_name;  ///< empty = no file
};
/// A multipart body under the boundary "facet-test", as Python's clients write it.
std::string form_body(const std::vector<FormField>& fields);
inline const std::string kFormType = "multipart/form-data; boundary=facet-test";

/// The program `facet serve` with a small model, on loopback ports that the system picked. Ends with the
/// object.
class ServeProcess {
 public:
  struct Setup {
    std::vector<std::string> options;  ///< besides the ports
    bool tiny_model = true;            ///< --model tiny=...
    bool wait_until_ready = true;
    std::vector<std::string> environment;  ///< "NAME=value"
  };
  ServeProcess() : ServeProcess(Setup{}) {}
  explicit ServeProcess(const Setup& setup);
  ~ServeProcess();
  ServeProcess(const ServeProcess&) = delete;
  ServeProcess& operator=(const ServeProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::uint16_t admin_port() const { return admin_port_; }
  Answer call(const std::string& method, const std::string& path, const Headers& headers = {},
              const std::string& body = {}) const;
  Answer get(const std::string& path) const { return call("GET", path); }
  Answer post_json(const std::string& path, const Json& body) const;
  Answer post_form(const std::string& path, const std::vector<FormField>& fields) const;
  Answer admin(const std::string& method, const std::string& path, const Json& body = {}) const;
  /// The value of a metric by its whole name with labels; 0 when it is not there.
  [[nodiscard]] double metric(const std::string& series) const;

  void signal(int number) const;
  /// Waits for the end; the exit status, or -signal.
  int wait();
  /// The lines of the log so far.
  [[nodiscard]] std::vector<Json> log() const;
  [[nodiscard]] bool has_event(const std::string& event) const;
  [[nodiscard]] std::string standard_error() const;
  [[nodiscard]] bool running();

 private:
  void start(const Setup& setup);
  bool read_ports();
  testing::TemporaryFolder folder_;
  pid_t process_ = -1;
  int state_ = 0;
  std::uint16_t port_ = 0;
  std::uint16_t admin_port_ = 0;
};

/// Asks again and again until `condition` holds.
template <class Condition>
void wait_until(Condition condition);
void pause_briefly();

template <class Condition>
void wait_until(Condition condition) {
  while (!condition()) pause_briefly();
}

/// A PNG picture of discs: its bytes, and in base64.
std::string picture_bytes(int height = 120, int width = 160);
std::string picture_base64(int height = 120, int width = 160);

}  // namespace facet::serve_tests
