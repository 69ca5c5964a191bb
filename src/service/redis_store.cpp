#include "service/redis_store.h"

#include <fmt/format.h>

#include <charconv>

#include "service/embedding_codec.h"
#include "service/redis_link.h"

namespace facet::service {
namespace {

Status bad_url(const std::string& what) {
  return {StatusCode::Usage, fmt::format("Redis address: {}; expected redis://[user[:password]@]host[:port]"
                                         "[/database]",
                                         what)};
}

bool parse_number(const std::string& text, int least, int most, int* number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && *number >= least &&
         *number <= most;
}

std::string_view text_of(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What a server that answers, but does not do what it was asked, is worth: as much as one that is away.
Status refused(const RedisReply& reply) {
  return {StatusCode::Unavailable, "redis: " + std::string(text_of(reply.bytes))};
}

}  // namespace

Result<RedisOptions> parse_redis_url(const std::string& url) {
  constexpr std::string_view kScheme = "redis://";
  if (url.rfind(kScheme, 0) != 0) return bad_url("it does not begin with redis://");
  std::string rest = url.substr(kScheme.size());
  RedisOptions options;
  if (const auto at = rest.rfind('@'); at != std::string::npos) {
    const std::string credentials = rest.substr(0, at);
    rest = rest.substr(at + 1);
    const auto colon = credentials.find(':');
    options.user = credentials.substr(0, colon);
    if (colon != std::string::npos) options.password = credentials.substr(colon + 1);
  }
  if (const auto slash = rest.find('/'); slash != std::string::npos) {
    const std::string database = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
    if (!database.empty() && !parse_number(database, 0, 1'000'000, &options.database)) {
      return bad_url("the database is '" + database + "'");
    }
  }
  const auto bracket = rest.find(']');  // an IPv6 address
  const auto colon = rest.find(':', bracket == std::string::npos ? 0 : bracket);
  if (colon != std::string::npos) {
    const std::string port = rest.substr(colon + 1);
    if (!parse_number(port, 1, 65535, &options.port)) return bad_url("the port is '" + port + "'");
    rest = rest.substr(0, colon);
  }
  if (rest.size() > 2 && rest.front() == '[' && rest.back() == ']') rest = rest.substr(1, rest.size() - 2);
  if (rest.empty()) return bad_url("it names no host");
  options.host = rest;
  return options;
}

class RedisStore::Impl {
 public:
  Impl(const RedisOptions& asked, Metrics& metrics, Clock& clock)
      : options(asked),
        hits(metrics.counter("facet_cache_hits_total", "Embeddings found, by tier", {{"tier", "redis"}})),
        misses(metrics.counter("facet_cache_misses_total", "Embeddings not found, by tier",
                               {{"tier", "redis"}})),
        refused_values(metrics.counter("facet_redis_refused_values_total",
                                       "Values in Redis that did not pass the checks")),
        find_seconds(
            metrics.histogram("facet_redis_find_seconds", "Time of a look-up in Redis", latency_bounds())),
        finds("find", options, options.find_limit, metrics, clock),
        inserts("insert", options, options.insert_limit, metrics, clock) {}

  Status get(RedisConnection& connection, TimePoint deadline, const EmbeddingKey& key,
             const std::function<void(std::optional<Embedding>)>& answer) {
    const TimePoint began = std::chrono::steady_clock::now();
    const std::string name = key.text();
    const std::string_view command[] = {"GET", name};
    FACET_ASSIGN_OR_RETURN(const RedisReply reply, connection.command(command, deadline));
    if (reply.kind == RedisReply::Kind::Refusal) return refused(reply);
    std::optional<Embedding> found;
    if (reply.kind == RedisReply::Kind::Bytes) {
      Result<Embedding> embedding = decode_entry(reply.bytes, name, key.model_fingerprint);
      if (embedding.ok()) {
        found = std::move(embedding).value();
      } else {
        refused_values.add();
      }
    } else if (reply.kind != RedisReply::Kind::Nil) {
      refused_values.add();
    }
    (found ? hits : misses).add();
    find_seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    answer(std::move(found));
    return {};
  }

  Status set(RedisConnection& connection, TimePoint deadline, const EmbeddingKey& key,
             const Embedding& embedding) const {
    const std::string name = key.text();
    const std::vector<std::uint8_t> entry = encode_entry(embedding, name, options.precision);
    const std::string seconds = std::to_string(options.time_to_live.count());
    std::vector<std::string_view> command = {"SET", name, text_of(entry)};
    if (options.time_to_live.count() > 0) command.insert(command.end(), {"EX", seconds});
    FACET_ASSIGN_OR_RETURN(const RedisReply reply, connection.command(command, deadline));
    return reply.kind == RedisReply::Kind::Refusal ? refused(reply) : Status();
  }

  const RedisOptions options;
  Counter& hits;
  Counter& misses;
  Counter& refused_values;
  Histogram& find_seconds;
  RedisLink finds;
  RedisLink inserts;
};

RedisStore::RedisStore(RedisOptions options, Metrics& metrics, Clock& clock)
    : impl_(std::make_unique<Impl>(options, metrics, clock)) {}
RedisStore::~RedisStore() = default;

void RedisStore::find(const EmbeddingKey& key, std::function<void(std::optional<Embedding>)> answer) {
  Impl& impl = *impl_;
  impl.finds.submit({.work = [&impl, key, answer](
                                 RedisConnection& connection,
                                 TimePoint deadline) { return impl.get(connection, deadline, key, answer); },
                     .give_up =
                         [&impl, answer] {
                           impl.misses.add();
                           answer({});
                         }});
}

void RedisStore::insert(const EmbeddingKey& key, const Embedding& embedding) {
  Impl& impl = *impl_;
  impl.inserts.submit({.work =
                           [&impl, key, embedding](RedisConnection& connection, TimePoint deadline) {
                             return impl.set(connection, deadline, key, embedding);
                           },
                       .give_up = [] {}});
}

void RedisStore::erase(const EmbeddingKey& key) {
  impl_->inserts.submit({.work =
                             [key](RedisConnection& connection, TimePoint deadline) {
                               const std::string name = key.text();
                               const std::string_view command[] = {"DEL", name};
                               return connection.command(command, deadline).status();
                             },
                         .give_up = [] {}});
}

bool RedisStore::available() const { return impl_->finds.up(); }

}  // namespace facet::service
