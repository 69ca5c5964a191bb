#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <unordered_set>

#include "service/http/body.h"
#include "service/http/server.h"

namespace facet::service {

/// A client's connection, owned by its own pending operations. All on the server's thread.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Gives a connection that waits for a request only so long for it.
  virtual void hasten(std::chrono::milliseconds grace) = 0;
  /// Tells who serves its request that nobody waits any more.
  virtual void abandon() = 0;
};

/// What the connections of one server share. All on the server's thread but the counts.
struct ConnectionHost {
  explicit ConnectionHost(HttpLimits host_limits)
      : limits(host_limits), budget(host_limits.max_bodies_bytes) {}

  const HttpLimits limits;
  ByteBudget budget;
  std::atomic<int> connection_count{0};
  std::atomic<int> in_flight{0};
  bool draining = false;                           // each answer is the last of its connection
  std::optional<std::chrono::milliseconds> grace;  // no more is accepted: how long to wait for a request
  std::unordered_set<Connection*> connections;
  boost::asio::io_context io{
      1};  // last: the handlers that still wait, and with them the connections, go first
};

/// Serves `socket` until it ends; `tls` null = plain.
void start_connection(ConnectionHost& host, boost::asio::ip::tcp::socket socket,
                      const std::shared_ptr<boost::asio::ssl::context>& tls, HttpApplication& application);

}  // namespace facet::service
