#include "service/http/connection.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>
#include <optional>
#include <utility>

#include "service/http/header_value.h"

namespace facet::service {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr std::size_t kReadSize = 65536;
constexpr std::size_t kMaxAhead = 65536;  // bytes of later requests that are read while one is served
constexpr milliseconds kLinger{2000};     // for a client that still sends while it is refused
constexpr std::size_t kMaxFields = 100;

/// Gives a message's body to a BodyReader.
/// Source  the Body concept of Boost.Beast
struct ReaderBody {
  using value_type = BodyReader*;
  class reader {  // NOLINT(readability-identifier-naming): Beast asks for this name
   public:
    template <bool kIsRequest, class Fields>
    reader(http::header<kIsRequest, Fields>& /*head*/, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>& /*length*/, error_code& error) { error = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& error) {
      std::size_t size = 0;
      error = {};
      for (const asio::const_buffer buffer : beast::buffers_range_ref(buffers)) {
        if (!body_->put({static_cast<const char*>(buffer.data()), buffer.size()})) {
          error = http::error::body_limit;
          return size;
        }
        size += buffer.size();
      }
      return size;
    }
    void finish(error_code& error) {
      error = {};
      if (!body_->finish()) error = http::error::partial_message;
    }

   private:
    value_type& body_;
  };
};
using Parser = http::request_parser<ReaderBody>;

using PlainStream = tcp::socket;
using TlsStream = asio::ssl::stream<tcp::socket>;

tcp::socket& lowest(PlainStream& stream) { return stream; }
tcp::socket& lowest(TlsStream& stream) { return stream.next_layer(); }

std::string text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool is_field_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// Answers of these end with their head.
bool has_no_body(int status) { return status == 204 || status == 304; }

std::string head_text(const HttpResponse& response, std::size_t length, bool close) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " " +
                     std::string(reason_phrase(response.status)) + "\r\nServer: facet\r\n";
  for (const auto& [name, value] : response.headers) {
    if (is_field_text(value)) text += name + ": " + value + "\r\n";
  }
  if (!has_no_body(response.status)) {
    if (length > 0) text += "Content-Type: " + response.content_type + "\r\n";
    text += "Content-Length: " + std::to_string(length) + "\r\n";
  }
  text += close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
  return text;
}

/// One connection: reads a request, has it served, writes the answer, and so on.
///
/// At most one read and one write are pending at any time. The read goes on while a request is served: that
/// is how a client's going away is noticed, and what it sends early waits in `buffer_`.
template <class Stream>
class StreamConnection : public Connection, public std::enable_shared_from_this<StreamConnection<Stream>> {
 public:
  template <class... Args>
  StreamConnection(ConnectionHost& host, HttpApplication& application, Args&&... args)
      : host_(host), application_(application), stream_(std::forward<Args>(args)...), timer_(host.io) {
    ++host_.connection_count;
    host_.connections.insert(this);
    error_code ignored;
    const tcp::endpoint peer = lowest(stream_).remote_endpoint(ignored);
    peer_ = peer.address().to_string(ignored);
  }
  ~StreamConnection() override {
    end_request();
    host_.connections.erase(this);
    --host_.connection_count;
  }

  void start() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      arm(host_.limits.header_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](const error_code& error) {
                                if (error || self->phase_ == Phase::Closed) return self->close();
                                self->begin_request();
                              });
    } else {
      begin_request();
    }
  }

  void hasten(milliseconds grace) override {
    if (phase_ == Phase::Idle) arm(grace);
  }
  void abandon() override {
    if (exchange_ != nullptr) exchange_->request_stop();
  }

 private:
  enum class Phase { Handshake, Idle, Head, Body, Serving, Writing, Lingering, Closed };

  void begin_request() {
    parser_.reset();
    body_.reset();
    request_ = {};
    request_.peer = peer_;
    head_known_ = false;
    is_head_method_ = false;
    set_phase(buffer_.size() == 0 ? Phase::Idle : Phase::Head);
    arm(phase_ == Phase::Idle ? host_.grace.value_or(host_.limits.idle_timeout)
                              : host_.limits.header_timeout);
    body_.emplace(host_.limits.max_body_bytes, host_.budget);
    parser_.emplace();
    parser_->get().body() = &*body_;
    parser_->header_limit(static_cast<std::uint32_t>(host_.limits.max_header_bytes));
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // ours is kept by the BodyReader
    if (phase_ == Phase::Idle) return read();
    parse();
  }

  void read() {
    if (reading_ || phase_ == Phase::Closed) return;
    reading_ = true;
    stream_.async_read_some(buffer_.prepare(kReadSize),
                            [self = this->shared_from_this()](const error_code& error, std::size_t count) {
                              self->on_read(error, count);
                            });
  }

  void on_read(const error_code& error, std::size_t count) {
    reading_ = false;
    if (phase_ == Phase::Closed) return;
    if (error) return on_read_error();
    buffer_.commit(count);
    switch (phase_) {
      case Phase::Idle:
        set_phase(Phase::Head);
        arm(host_.limits.header_timeout);
        [[fallthrough]];
      case Phase::Head:
      case Phase::Body:
        return parse();
      case Phase::Serving:
      case Phase::Writing:
        if (buffer_.size() < kMaxAhead) read();
        return;
      case Phase::Lingering:
        buffer_.consume(buffer_.size());
        return read();
      default:
        return;
    }
  }

  /// The client closed its side or the connection broke: nobody waits for an answer any more.
  void on_read_error() {
    if (exchange_ != nullptr) exchange_->request_stop();
    if (phase_ == Phase::Writing) {
      last_request_ = true;  // it may still read what is being sent
      return;
    }
    close();
  }

  void parse() {
    while (true) {
      error_code error;
      const std::size_t used = parser_->put(buffer_.data(), error);
      buffer_.consume(used);
      if (error == http::error::need_more) {
        if (buffer_.size() > host_.limits.max_header_bytes)
          return refuse(431, "header_too_long", "a line of the message is too long");
        return read();
      }
      if (error) return refuse_error(error);
      if (parser_->is_header_done() && !head_known_ && !take_head()) return;
      if (parser_->is_done()) return serve();
      if (buffer_.size() == 0) return read();
    }
  }

  /// False when the request was refused.
  bool take_head() {
    head_known_ = true;
    const auto& head = parser_->get();
    request_.method = text_of(head.method_string());
    is_head_method_ = request_.method == "HEAD";
    last_request_ = !parser_->keep_alive();
    for (const auto& field : head)
      request_.headers.emplace_back(to_lower(text_of(field.name_string())), text_of(field.value()));
    if (!parse_target(text_of(head.target()), request_))
      return refused(400, "bad_target", "expected a path that starts with /");
    if (!check_framing(head.version())) return false;
    if (std::optional<HttpResponse> answer = application_.screen(request_)) {
      if (has_body()) answer->close = true;
      begin_count();
      write(std::move(*answer));
      return false;
    }
    if (const auto length = parser_->content_length(); length && *length > host_.limits.max_body_bytes) {
      return refused(413, "body_too_long", too_long());
    }
    if (Status status = body_->begin(request_, host_.limits.form); !status.ok())
      return refused(400, "bad_form", status.message());
    begin_count();
    parser_->eager(true);
    set_phase(Phase::Body);
    arm(host_.limits.body_timeout);
    return send_continue();
  }

  /// What Beast lets pass: lists of codings, codings in HTTP/1.0, compressed bodies.
  bool check_framing(unsigned version) {
    if (request_.headers.size() > kMaxFields)
      return refused(431, "header_too_long", "expected at most 100 header fields");
    if (version >= 11 && !request_.header("host"))
      return refused(400, "bad_request", "the header Host is missing");
    if (const auto coding = request_.header("transfer-encoding")) {
      if (version < 11 || to_lower(*coding) != "chunked")
        return refused(501, "bad_transfer_encoding", "expected Transfer-Encoding: chunked, in HTTP/1.1");
    }
    if (const auto coding = request_.header("content-encoding"); coding && to_lower(*coding) != "identity") {
      return refused(415, "compressed_body", "Content-Encoding: expected a body that is not compressed");
    }
    return true;
  }

  bool has_body() const { return !parser_->is_done(); }

  bool send_continue() {
    const auto expect = request_.header("expect");
    if (!expect || parser_->is_done()) return true;
    if (to_lower(*expect) != "100-continue")
      return refused(417, "bad_expectation", "Expect: only 100-continue is known");
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    continuing_ = true;
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = this->shared_from_this()](const error_code& error, std::size_t) {
                        self->on_continued(error);
                      });
    return true;
  }

  void on_continued(const error_code& error) {
    continuing_ = false;
    if (phase_ == Phase::Closed) return;
    if (error) return close();
    if (waiting_answer_) write(*std::exchange(waiting_answer_, std::nullopt));
  }

  void serve() {
    body_->move_into(request_);
    set_phase(Phase::Serving);
    disarm();
    const std::weak_ptr<StreamConnection> weak = this->shared_from_this();
    exchange_ =
        std::make_shared<Exchange>(std::move(request_), [weak, &io = host_.io](HttpResponse response) {
          asio::post(io, [weak, response = std::move(response)]() mutable {
            if (const auto self = weak.lock()) self->answer(std::move(response));
          });
        });
    application_.serve(exchange_);
    if (buffer_.size() < kMaxAhead) read();
  }

  void answer(HttpResponse response) {
    if (phase_ == Phase::Serving) write(std::move(response));
  }

  void write(HttpResponse response) {
    if (continuing_) {
      waiting_answer_ = std::move(response);
      return;
    }
    set_phase(Phase::Writing);
    last_request_ = last_request_ || response.close || host_.draining;
    response_ = std::move(response);
    const auto body = response_.asset.empty()
                          ? asio::const_buffer(response_.body.data(), response_.body.size())
                          : asio::const_buffer(response_.asset.data(), response_.asset.size());
    head_text_ = head_text(response_, body.size(), last_request_);
    const bool head_alone = is_head_method_ || has_no_body(response_.status);
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head_text_),
                                                       head_alone ? asio::const_buffer() : body};
    arm(host_.limits.write_timeout);
    asio::async_write(
        stream_, buffers,
        [self = this->shared_from_this()](const error_code& error, std::size_t) { self->on_written(error); });
  }

  void on_written(const error_code& error) {
    end_request();
    if (phase_ == Phase::Closed) return;
    if (error) return close();
    response_ = {};
    if (!last_request_) return begin_request();
    linger();
  }

  /// Lets the client read the answer before the connection goes, also when it is still sending.
  void linger() {
    set_phase(Phase::Lingering);
    arm(kLinger);
    error_code ignored;
    lowest(stream_).shutdown(tcp::socket::shutdown_send, ignored);
    buffer_.consume(buffer_.size());
    read();
  }

  bool refused(int status, std::string_view code, std::string message) {
    refuse(status, code, std::move(message));
    return false;
  }

  void refuse(int status, std::string_view code, std::string message) {
    if (phase_ != Phase::Body) begin_count();
    HttpResponse response = application_.refuse(request_, status, code, std::move(message));
    response.close = true;
    write(std::move(response));
  }

  void refuse_error(const error_code& error) {
    using Refusal = BodyReader::Refusal;
    if (body_->refusal() == Refusal::TooLong) return refuse(413, "body_too_long", too_long());
    if (body_->refusal() == Refusal::NoRoom)
      return refuse(503, "busy", "too many bytes of requests are held at present");
    if (body_->refusal() == Refusal::Malformed) return refuse(400, "bad_form", body_->status().message());
    if (error == http::error::header_limit)
      return refuse(
          431, "header_too_long",
          "expected a header of at most " + std::to_string(host_.limits.max_header_bytes) + " bytes");
    refuse(400, "bad_request", "not a request of HTTP/1.1: " + error.message());
  }

  std::string too_long() const {
    return "body: expected at most " + std::to_string(host_.limits.max_body_bytes) + " bytes";
  }

  void on_timeout() {
    if (phase_ == Phase::Head || (phase_ == Phase::Body && !continuing_)) {
      return refuse(
          408, "timeout",
          phase_ == Phase::Head ? "the header did not arrive in time" : "the body did not arrive in time");
    }
    if (exchange_ != nullptr) exchange_->request_stop();
    close();
  }

  void begin_count() {
    if (!std::exchange(counted_, true)) ++host_.in_flight;
  }
  void end_request() {
    exchange_.reset();
    if (std::exchange(counted_, false)) --host_.in_flight;
  }

  void set_phase(Phase phase) { phase_ = phase; }

  void arm(milliseconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([weak = this->weak_from_this(), turn = ++turn_](const error_code& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr && self->turn_ == turn && self->phase_ != Phase::Closed)
        self->on_timeout();
    });
  }
  void disarm() {
    ++turn_;
    timer_.cancel();
  }

  void close() {
    if (phase_ == Phase::Closed) return;
    set_phase(Phase::Closed);
    disarm();
    end_request();
    error_code ignored;
    lowest(stream_).close(ignored);
  }

  ConnectionHost& host_;
  HttpApplication& application_;
  Stream stream_;
  asio::steady_timer timer_;
  unsigned turn_ = 0;  // an expiry of an earlier turn means nothing
  Phase phase_ = Phase::Handshake;
  bool reading_ = false;
  bool head_known_ = false;
  bool continuing_ = false;  // "100 Continue" is being written
  bool last_request_ = false;
  bool is_head_method_ = false;
  bool counted_ = false;
  std::string peer_;
  beast::flat_buffer buffer_;
  std::optional<BodyReader> body_;
  std::optional<Parser> parser_;
  HttpRequest request_;
  ExchangePtr exchange_;
  std::optional<HttpResponse> waiting_answer_;
  HttpResponse response_;
  std::string head_text_;
};

}  // namespace

void start_connection(ConnectionHost& host, tcp::socket socket,
                      const std::shared_ptr<asio::ssl::context>& tls, HttpApplication& application) {
  if (tls == nullptr) {
    std::make_shared<StreamConnection<PlainStream>>(host, application, std::move(socket))->start();
  } else {
    std::make_shared<StreamConnection<TlsStream>>(host, application, std::move(socket), *tls)->start();
  }
}

}  // namespace facet::service
