#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace facet::bench {

/// An answer, or status 0 when the connection failed.
struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// Keep-alive connections to one server. A request takes an idle one, or opens one.
/// Threads  the io_context's one
class HttpClient {
 public:
  using Done = std::function<void(HttpAnswer)>;
  HttpClient(boost::asio::io_context& io, const std::string& host, int port);
  ~HttpClient();

  void post(const std::string& target, std::string body, const std::string& content_type, Done done);
  /// Connections that are opened and then say nothing, or, slow, one byte of a header a second.
  void open_silent(int idle, int slow);
  [[nodiscard]] int connections_opened() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace facet::bench
