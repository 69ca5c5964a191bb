#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "facet/status.h"
#include "service/http/message.h"

namespace facet::service {

struct HttpLimits {
  std::size_t max_header_bytes = 16384;
  std::size_t max_body_bytes = std::size_t{32} << 20;
  std::size_t max_bodies_bytes = std::size_t{512} << 20;  ///< of all requests that are in flight together
  MultipartLimits form;
  int max_connections = 4096;
  std::chrono::milliseconds header_timeout{10'000};  ///< from a request's first byte to the end of its header
  std::chrono::milliseconds body_timeout{60'000};    ///< for the whole body
  std::chrono::milliseconds idle_timeout{60'000};    ///< between two requests of a connection
  std::chrono::milliseconds write_timeout{60'000};   ///< for the whole answer
};

struct TlsFiles {
  std::filesystem::path certificate;  ///< PEM, the whole chain
  std::filesystem::path key;          ///< PEM
};

struct ListenAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0 = the system picks
  std::optional<TlsFiles> tls;
};

/// One request that waits for its answer.
/// Threads  `reply` may be called from any, once; the rest is for who serves it
class Exchange {
 public:
  Exchange(HttpRequest request, std::function<void(HttpResponse)> reply)
      : request_(std::move(request)), received_(std::chrono::steady_clock::now()), reply_(std::move(reply)) {}

  [[nodiscard]] HttpRequest& request() { return request_; }
  [[nodiscard]] std::chrono::steady_clock::time_point received() const { return received_; }
  /// Fires when the client went away.
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }
  void request_stop() { stop_.request_stop(); }
  void reply(HttpResponse response) { reply_(std::move(response)); }

 private:
  HttpRequest request_;
  std::chrono::steady_clock::time_point received_;
  std::stop_source stop_;
  std::function<void(HttpResponse)> reply_;
};
using ExchangePtr = std::shared_ptr<Exchange>;

/// What a server serves. Both functions are called on the server's thread and must return at once.
class HttpApplication {
 public:
  virtual ~HttpApplication() = default;
  /// Looks at the head of a request before its body is read: an answer here refuses the request.
  virtual std::optional<HttpResponse> screen(const HttpRequest& head) = 0;
  /// Takes a request whose body is whole; sooner or later it calls `reply`.
  virtual void serve(ExchangePtr exchange) = 0;
  /// The answer to a request that the server itself refuses; `head` may be incomplete.
  virtual HttpResponse refuse(const HttpRequest& head, int status, std::string_view code,
                              std::string message) = 0;
};

/// HTTP/1.1 over TCP or TLS on one thread: connections cost memory, never a thread, so that idle and slow
/// clients hold nothing up.
///
/// Slow headers, bodies, and readers are cut off by the timeouts of `limits`; a body that is too long is
/// refused by its declared length, or as soon as it is exceeded. While a request is served its connection is
/// watched: a client that hangs up (also one that only closes its sending side) cancels it.
///
/// Threads  any; `run` in one
class HttpServer {
 public:
  explicit HttpServer(HttpLimits limits);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds at once; connections are served while `run` runs. Gives the port.
  /// Errors  Usage naming the address (taken, not of this machine, no permission) or the file of the
  ///         certificate or key
  Result<std::uint16_t> listen(const ListenAddress& address, HttpApplication& application);
  /// Serves until `stop`.
  void run();
  /// From now on each answer is the last of its connection.
  void drain();
  /// No connection is accepted any more; those that wait for a request are given `grace` for one on its way.
  void close_listeners(std::chrono::milliseconds grace);
  /// `run` returns soon; what is in flight is dropped.
  void stop();
  /// Calls `action` on the server's thread.
  void post(std::function<void()> action);
  void post_after(std::chrono::milliseconds delay, std::function<void()> action);
  /// Calls `action` on the server's thread each time the process gets `signal`.
  void on_signal(int signal, std::function<void()> action);

  [[nodiscard]] int connections() const;
  /// Requests begun whose answers are not yet sent whole.
  [[nodiscard]] int in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace facet::service
