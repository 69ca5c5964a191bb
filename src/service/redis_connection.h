#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "facet/status.h"
#include "service/redis_store.h"

namespace facet::service {

/// What a Redis server answered.
struct RedisReply {
  enum class Kind { Nil, Text, Bytes, Integer, Refusal };
  Kind kind = Kind::Nil;
  std::vector<std::uint8_t> bytes;  ///< of Text, Bytes and Refusal
};

/// One connection to a Redis server. Every exchange ends by its deadline, however the server behaves: no read
/// or write waits longer than what is left. After an error the connection is of no use any more.
/// Threads  one at a time; waits in real time
class RedisConnection {
 public:
  /// Connects, identifies itself and chooses the database.
  /// Errors  Unavailable (no answer, refused, closed); DeadlineExceeded
  [[nodiscard]] static Result<RedisConnection> open(const RedisOptions& options, TimePoint deadline);
  ~RedisConnection();
  RedisConnection(RedisConnection&&) noexcept;
  RedisConnection& operator=(RedisConnection&&) noexcept;

  /// One command and its answer; a list as an answer is an error, since none of ours has one.
  /// Errors  as open
  [[nodiscard]] Result<RedisReply> command(std::span<const std::string_view> arguments, TimePoint deadline);

 private:
  struct Handle;
  explicit RedisConnection(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace facet::service
