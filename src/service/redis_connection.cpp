#include "service/redis_connection.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace facet::service {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

// hiredis writes without MSG_NOSIGNAL: while this lives, a server that has gone away is an error of this
// thread's write and not the end of the process.
class BrokenPipesAreErrors {
 public:
  BrokenPipesAreErrors() {
    sigemptyset(&broken_pipe_);
    sigaddset(&broken_pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe_, &before_);
  }
  ~BrokenPipesAreErrors() {
    const timespec now{};
    while (sigtimedwait(&broken_pipe_, nullptr, &now) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BrokenPipesAreErrors(const BrokenPipesAreErrors&) = delete;
  BrokenPipesAreErrors& operator=(const BrokenPipesAreErrors&) = delete;

 private:
  sigset_t broken_pipe_{};
  sigset_t before_{};
};

Status timed_out(const char* what) {
  return {StatusCode::DeadlineExceeded, fmt::format("redis: {} took too long", what)};
}

Status broken(const std::string& why) { return {StatusCode::Unavailable, "redis: " + why}; }

// Ok once the socket is ready for `events`.
Status wait_for(int socket, short events, TimePoint deadline, const char* what) {
  while (true) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) return timed_out(what);
    pollfd entry{socket, events, 0};
    const auto timeout_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int ready = poll(&entry, 1, int(std::min<std::int64_t>(timeout_ms, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return broken(std::strerror(errno));
  }
}

// No command of ours is answered by a list, and a list's length is a claim about memory.
void* refuse_array(const redisReadTask* /*task*/, int /*length*/) { return nullptr; }

RedisReply to_reply(const redisReply& reply) {
  RedisReply out;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
      out.kind = RedisReply::Kind::Bytes;
      break;
    case REDIS_REPLY_STATUS:
      out.kind = RedisReply::Kind::Text;
      break;
    case REDIS_REPLY_ERROR:
      out.kind = RedisReply::Kind::Refusal;
      break;
    case REDIS_REPLY_INTEGER:
      out.kind = RedisReply::Kind::Integer;
      return out;
    default:
      return out;
  }
  out.bytes.assign(reply.str, reply.str + reply.len);
  return out;
}

Status expect_accepted(const Result<RedisReply>& reply, const char* what) {
  if (!reply.ok()) return reply.status();
  if (reply->kind != RedisReply::Kind::Refusal) return {};
  return broken(
      fmt::format("{} was refused: {}", what, std::string(reply->bytes.begin(), reply->bytes.end())));
}

}  // namespace

struct RedisConnection::Handle {
  explicit Handle(redisContext* opened) : context(opened) {
    if (context == nullptr || context->reader == nullptr) return;
    functions = *context->reader->fn;
    functions.createArray = refuse_array;
    context->reader->fn = &functions;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (context != nullptr) redisFree(context);
  }

  [[nodiscard]] Status error() const { return broken(context->errstr); }

  Status connected(TimePoint deadline) const {
    if (context == nullptr) return broken("no memory for a connection");
    if (context->err != 0) return error();
    FACET_RETURN_IF_ERROR(wait_for(context->fd, POLLOUT, deadline, "connecting"));
    int failure = 0;
    socklen_t size = sizeof failure;
    if (getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
    if (failure != 0) return broken(std::strerror(failure));
    return {};
  }

  Status send(TimePoint deadline) const {
    const BrokenPipesAreErrors guard;
    int done = 0;
    while (redisBufferWrite(context, &done) == REDIS_OK) {
      if (done != 0) return {};
      FACET_RETURN_IF_ERROR(wait_for(context->fd, POLLOUT, deadline, "sending"));
    }
    return error();
  }

  Result<RedisReply> receive(TimePoint deadline) const {
    while (true) {
      void* raw = nullptr;
      if (redisGetReplyFromReader(context, &raw) != REDIS_OK) return error();
      const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(raw));
      if (reply) return to_reply(*reply);
      FACET_RETURN_IF_ERROR(wait_for(context->fd, POLLIN, deadline, "the answer"));
      if (redisBufferRead(context) != REDIS_OK) return error();
    }
  }

  redisContext* context;
  redisReplyObjectFunctions functions{};
};

RedisConnection::RedisConnection(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
RedisConnection::~RedisConnection() = default;
RedisConnection::RedisConnection(RedisConnection&&) noexcept = default;
RedisConnection& RedisConnection::operator=(RedisConnection&&) noexcept = default;

Result<RedisConnection> RedisConnection::open(const RedisOptions& options, TimePoint deadline) {
  auto handle = std::make_unique<Handle>(redisConnectNonBlock(options.host.c_str(), options.port));
  FACET_RETURN_IF_ERROR(handle->connected(deadline));
  RedisConnection connection(std::move(handle));
  if (!options.password.empty()) {
    std::vector<std::string_view> auth = {"AUTH"};
    if (!options.user.empty()) auth.emplace_back(options.user);
    auth.emplace_back(options.password);
    FACET_RETURN_IF_ERROR(expect_accepted(connection.command(auth, deadline), "AUTH"));
  }
  if (options.database != 0) {
    const std::string number = std::to_string(options.database);
    const std::string_view select[] = {"SELECT", number};
    FACET_RETURN_IF_ERROR(expect_accepted(connection.command(select, deadline), "SELECT"));
  }
  const std::string_view ping[] = {"PING"};
  FACET_RETURN_IF_ERROR(expect_accepted(connection.command(ping, deadline), "PING"));
  return connection;
}

Result<RedisReply> RedisConnection::command(std::span<const std::string_view> arguments, TimePoint deadline) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string_view argument : arguments) {
    texts.push_back(argument.data());
    lengths.push_back(argument.size());
  }
  if (redisAppendCommandArgv(handle_->context, int(texts.size()), texts.data(), lengths.data()) != REDIS_OK) {
    return handle_->error();
  }
  FACET_RETURN_IF_ERROR(handle_->send(deadline));
  return handle_->receive(deadline);
}

}  // namespace facet::service
