#include "service/http/server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <unordered_set>
#include <utility>

#include "service/http/body.h"
#include "service/http/connection.h"

namespace facet::service {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};  // when the process has no descriptor left

Status unusable(const std::string& what, const error_code& error) {
  return {StatusCode::Usage, what + ": " + error.message()};
}

Result<std::shared_ptr<asio::ssl::context>> load_tls(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code error;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression,
                       error);
  context->use_certificate_chain_file(files.certificate.string(), error);
  if (error) return unusable("TLS certificate " + files.certificate.string(), error);
  context->use_private_key_file(files.key.string(), asio::ssl::context::pem, error);
  if (error) return unusable("TLS key " + files.key.string(), error);
  return context;
}

}  // namespace

struct HttpServer::Impl : ConnectionHost {
  struct Listener {
    tcp::acceptor acceptor;
    HttpApplication& application;
    std::shared_ptr<asio::ssl::context> tls;  // null = plain
    asio::steady_timer pause;
  };

  explicit Impl(HttpLimits host_limits) : ConnectionHost(host_limits) {}

  void accept(Listener& listener) {
    listener.acceptor.async_accept([this, &listener](const error_code& error, tcp::socket socket) {
      if (!listener.acceptor.is_open()) return;
      if (!error) {
        admit(listener, std::move(socket));
      } else if (error != asio::error::connection_aborted) {
        listener.pause.expires_after(kAcceptPause);
        listener.pause.async_wait([this, &listener](const error_code& cancelled) {
          if (!cancelled && listener.acceptor.is_open()) accept(listener);
        });
        return;
      }
      accept(listener);
    });
  }

  /// Clients that the system has let in already are taken along.
  void close(Listener& listener) {
    error_code error;
    listener.acceptor.non_blocking(true, error);
    while (!error) {
      tcp::socket socket(io);
      listener.acceptor.accept(socket, error);
      if (!error) admit(listener, std::move(socket));
    }
    listener.acceptor.close(error);
    listener.pause.cancel();
  }

  void admit(Listener& listener, tcp::socket socket) {
    if (connection_count >= limits.max_connections) return;  // closes it
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    start_connection(*this, std::move(socket), listener.tls, listener.application);
  }

  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::unique_ptr<asio::signal_set>> signals;
  asio::executor_work_guard<asio::io_context::executor_type> keep_running{io.get_executor()};
};

HttpServer::HttpServer(HttpLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
HttpServer::~HttpServer() = default;

Result<std::uint16_t> HttpServer::listen(const ListenAddress& address, HttpApplication& application) {
  const std::string name = address.host + ":" + std::to_string(address.port);
  error_code error;
  const asio::ip::address host =
      asio::ip::make_address(address.host == "localhost" ? std::string("127.0.0.1") : address.host, error);
  if (error)
    return Status(StatusCode::Usage,
                  "host " + address.host + ": expected an address such as 127.0.0.1, 0.0.0.0 or ::");
  auto listener = std::make_unique<Impl::Listener>(
      Impl::Listener{tcp::acceptor(impl_->io), application, nullptr, asio::steady_timer(impl_->io)});
  if (address.tls) {
    FACET_ASSIGN_OR_RETURN(listener->tls, load_tls(*address.tls));
  }
  tcp::acceptor& acceptor = listener->acceptor;
  const tcp::endpoint endpoint(host, address.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return unusable("cannot listen on " + name, error);
  const std::uint16_t port = acceptor.local_endpoint(error).port();
  asio::post(impl_->io, [impl = impl_.get(), raw = listener.get()] { impl->accept(*raw); });
  impl_->listeners.push_back(std::move(listener));
  return port;
}

void HttpServer::run() {
  impl_->io.run();
  for (Connection* connection : impl_->connections) connection->abandon();
}

void HttpServer::drain() {
  post([impl = impl_.get()] { impl->draining = true; });
}

void HttpServer::close_listeners(std::chrono::milliseconds grace) {
  post([impl = impl_.get(), grace] {
    impl->grace = grace;
    for (const auto& listener : impl->listeners) impl->close(*listener);
    for (Connection* connection : impl->connections) connection->hasten(grace);
  });
}

void HttpServer::stop() { impl_->io.stop(); }

void HttpServer::post(std::function<void()> action) { asio::post(impl_->io, std::move(action)); }

void HttpServer::post_after(std::chrono::milliseconds delay, std::function<void()> action) {
  auto timer = std::make_shared<asio::steady_timer>(impl_->io, delay);
  timer->async_wait([timer, action = std::move(action)](const error_code& error) {
    if (!error) action();
  });
}

void HttpServer::on_signal(int signal, std::function<void()> action) {
  impl_->signals.push_back(std::make_unique<asio::signal_set>(impl_->io, signal));
  auto again = std::make_shared<std::function<void(const error_code&, int)>>();
  asio::signal_set* set = impl_->signals.back().get();
  *again = [set, action = std::move(action), weak = std::weak_ptr(again)](const error_code& error, int) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    action();
    set->async_wait([self](const error_code& e, int number) { (*self)(e, number); });
  };
  set->async_wait([again](const error_code& error, int number) { (*again)(error, number); });
}

int HttpServer::connections() const { return impl_->connection_count; }
int HttpServer::in_flight() const { return impl_->in_flight; }

}  // namespace facet::service
