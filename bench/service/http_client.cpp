#include "service/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

namespace facet::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint64_t kMostAnswerBytes = std::uint64_t{256} << 20;

// One byte a second of a request that never ends, or nothing at all. The server cuts it off after a while:
// then there is a new one.
class SlowConnection : public std::enable_shared_from_this<SlowConnection> {
 public:
  SlowConnection(asio::io_context& io, tcp::endpoint server, bool speaks)
      : socket_(io), timer_(io), server_(std::move(server)), speaks_(speaks) {}
  void start() {
    socket_ = tcp::socket(socket_.get_executor());
    socket_.async_connect(server_, [self = shared_from_this()](const boost::system::error_code& error) {
      if (error) return self->start_later();
      if (self->speaks_) self->say();
      if (!self->speaks_) self->listen();
    });
  }

 private:
  void say() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error) return;
      asio::async_write(self->socket_, asio::buffer("x", 1),
                        [self](const boost::system::error_code& failed, std::size_t) {
                          if (failed) return self->start_later();
                          self->say();
                        });
    });
  }
  void listen() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code&) {
      self->start_later();
    });
  }
  void start_later() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->start();
    });
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  tcp::endpoint server_;
  bool speaks_;
};

}  // namespace

struct HttpClient::Impl : std::enable_shared_from_this<HttpClient::Impl> {
  struct Connection : std::enable_shared_from_this<Connection> {
    explicit Connection(std::shared_ptr<Impl> owner) : client(std::move(owner)), stream(client->io) {}

    void send(http::request<http::string_body> next, Done on_done) {
      request = std::move(next);
      done = std::move(on_done);
      if (stream.socket().is_open()) return write();
      ++client->opened;
      stream.async_connect(client->server,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             if (error) return self->finish({});
                             self->stream.socket().set_option(tcp::no_delay(true));
                             self->write();
                           });
    }
    void write() {
      http::async_write(stream, request,
                        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                          if (error) return self->finish({});
                          self->read();
                        });
    }
    void read() {
      parser = std::make_unique<http::response_parser<http::string_body>>();
      parser->body_limit(kMostAnswerBytes);
      http::async_read(stream, buffer, *parser,
                       [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                         if (error) return self->finish({});
                         auto& answer = self->parser->get();
                         const bool keep = answer.keep_alive();
                         HttpAnswer out{int(answer.result_int()), std::move(answer.body())};
                         if (keep) self->client->idle.push_back(self);
                         self->answer(std::move(out));
                       });
    }
    void finish(HttpAnswer failed) {
      stream.close();
      answer(std::move(failed));
    }
    void answer(HttpAnswer out) {
      const Done give = std::move(done);
      done = {};
      give(std::move(out));
    }

    std::shared_ptr<Impl> client;
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    std::unique_ptr<http::response_parser<http::string_body>> parser;
    Done done;
  };

  Impl(asio::io_context& context, const std::string& host_name, int port)
      : io(context),
        host(host_name + ":" + std::to_string(port)),
        server(asio::ip::make_address(host_name), static_cast<unsigned short>(port)) {}

  asio::io_context& io;
  std::string host;
  tcp::endpoint server;
  std::vector<std::shared_ptr<Connection>> idle;
  int opened = 0;
};

HttpClient::HttpClient(asio::io_context& io, const std::string& host, int port)
    : impl_(std::make_shared<Impl>(io, host, port)) {}
HttpClient::~HttpClient() { impl_->idle.clear(); }

void HttpClient::post(const std::string& target, std::string body, const std::string& content_type,
                      Done done) {
  http::request<http::string_body> request(http::verb::post, target, 11);
  request.set(http::field::host, impl_->host);
  request.set(http::field::content_type, content_type);
  request.body() = std::move(body);
  request.prepare_payload();
  std::shared_ptr<Impl::Connection> connection;
  if (impl_->idle.empty()) {
    connection = std::make_shared<Impl::Connection>(impl_);
  } else {
    connection = std::move(impl_->idle.back());
    impl_->idle.pop_back();
  }
  connection->send(std::move(request), std::move(done));
}

void HttpClient::open_silent(int idle, int slow) {
  for (int i = 0; i < idle + slow; ++i)
    std::make_shared<SlowConnection>(impl_->io, impl_->server, i >= idle)->start();
}

int HttpClient::connections_opened() const { return impl_->opened; }

}  // namespace facet::bench
