#include "service/redis_store.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "service/embeddings.h"
#include "service/redis_connection.h"
#include "service/redis_server.h"

namespace facet::service {
namespace {

// A limit that a busy machine keeps, and tries that follow each other at once.
RedisOptions options_for(const RedisServer& server) {
  RedisOptions options;
  options.port = server.port();
  options.find_limit = std::chrono::milliseconds(2000);
  options.insert_limit = std::chrono::milliseconds(5000);
  options.retry_every = std::chrono::milliseconds(10);
  return options;
}

class RedisStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::installed()) GTEST_SKIP() << "redis-server is not installed";
  }

  std::optional<Embedding> find(RedisStore& store, const EmbeddingKey& wanted) {
    std::promise<std::optional<Embedding>> promise;
    store.find(wanted, [&](std::optional<Embedding> found) { promise.set_value(std::move(found)); });
    return promise.get_future().get();
  }
  // What happens on the store's own threads has no time by which it must have happened.
  template <class Condition>
  static void wait_until(const Condition& condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::uint64_t errors(const std::string& role, const std::string& reason) {
    return metrics
        .counter("facet_redis_errors_total", "Exchanges with Redis that failed, by role and reason",
                 {{"role", role}, {"reason", reason}})
        .value();
  }
  std::uint64_t refused_values() {
    return metrics.counter("facet_redis_refused_values_total", "Values in Redis that did not pass the checks")
        .value();
  }
  double up(const std::string& role) {
    return metrics.gauge("facet_redis_up", "1 while requests are sent to Redis", {{"role", role}}).value();
  }
  // Inserts, and waits until it is there.
  Embedding stored(RedisStore& store, const EmbeddingKey& wanted) {
    wait_until([&] {
      store.insert(wanted, embedding);
      return store.available() && find(store, wanted).has_value();
    });
    return *find(store, wanted);
  }
  static RedisReply command(const RedisServer& server, std::vector<std::string_view> arguments) {
    RedisOptions options;
    options.port = server.port();
    const TimePoint deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    auto connection = RedisConnection::open(options, deadline);
    EXPECT_TRUE(connection.ok());
    auto reply = connection->command(arguments, deadline);
    EXPECT_TRUE(reply.ok());
    return *reply;
  }

  Metrics metrics;
  const Embedding embedding = random_embedding(1);
  const EmbeddingKey key = key_of("picture", "tenant");
};

TEST_F(RedisStoreTest, GivesBackWhatWasStoredToTheBitInFloat32) {
  const RedisServer server;
  RedisOptions options = options_for(server);
  options.precision = DType::Float32;
  RedisStore store(options, metrics);
  const Embedding found = stored(store, key);
  EXPECT_TENSOR_NEAR(*found.features, *embedding.features, 0);
  EXPECT_EQ(found.original_size, embedding.original_size);
  EXPECT_EQ(found.input_size, embedding.input_size);
  EXPECT_FALSE(find(store, key_of("picture", "another tenant")).has_value());
}

TEST_F(RedisStoreTest, StoresHalfTheBytesInBFloat16ForALimitedTime) {
  const RedisServer server;
  RedisStore store(options_for(server), metrics);
  EXPECT_TENSOR_NEAR(*stored(store, key).features, *embedding.features, 4e-3);
  const std::string name = key.text();
  EXPECT_LT(command(server, {"GET", name}).bytes.size(), embedding.features->size_bytes() * 0.51);
  EXPECT_EQ(command(server, {"PERSIST", name}).kind, RedisReply::Kind::Integer);
}

TEST_F(RedisStoreTest, RefusesPoisonedValuesAndReplacesThem) {
  const RedisServer server;
  RedisStore store(options_for(server), metrics);
  (void)stored(store, key);
  (void)stored(store, key_of("written after it"));  // in order: none of the key's own writes comes later
  const std::string name = key.text();
  std::vector<std::uint8_t> entry = command(server, {"GET", name}).bytes;
  entry[entry.size() / 2] ^= 1U;
  const std::string damaged(entry.begin(), entry.end());
  const std::string other = key_of("other picture").text();
  for (const std::string& value : {std::string("garbage"), std::string(), damaged}) {
    const std::uint64_t before = refused_values();
    command(server, {"SET", name, value});
    EXPECT_FALSE(find(store, key).has_value());
    EXPECT_EQ(refused_values(), before + 1);
  }
  EXPECT_TENSOR_NEAR(*stored(store, key).features, *embedding.features, 4e-3);
  (void)stored(store, key_of("written after it again"));
  // A good entry of another picture is not this one's.
  command(server, {"COPY", name, other});
  EXPECT_FALSE(find(store, key_of("other picture")).has_value());
  // Neither is a list under the name: the server refuses, and the request goes on without it.
  command(server, {"DEL", name});
  command(server, {"LPUSH", name, "x"});
  EXPECT_FALSE(find(store, key).has_value());
}

TEST_F(RedisStoreTest, GoesOnWithoutAKilledServerAndFindsItAgain) {
  RedisServer server;
  RedisStore store(options_for(server), metrics);
  (void)stored(store, key);
  server.kill_now();
  wait_until([&] {
    EXPECT_FALSE(find(store, key).has_value());
    return !store.available();
  });
  EXPECT_EQ(up("find"), 0);
  EXPECT_FALSE(find(store, key).has_value());
  server.restart();
  wait_until([&] { return store.available(); });
  EXPECT_FALSE(find(store, key).has_value());  // it came back empty
  EXPECT_TENSOR_NEAR(*stored(store, key).features, *embedding.features, 4e-3);
}

TEST_F(RedisStoreTest, GivesUpOnAPausedServerAtTheLimitAndThenAtOnce) {
  const RedisServer server;
  RedisOptions options = options_for(server);
  RedisStore warm(options, metrics);
  (void)stored(warm, key);
  options.find_limit = std::chrono::milliseconds(20);
  RedisStore store(options, metrics);
  wait_until([&] { return store.available(); });
  server.pause();
  const std::uint64_t before = errors("find", "timeout");
  EXPECT_FALSE(find(store, key).has_value());
  EXPECT_EQ(errors("find", "timeout"), before + 1);
  // The breaker is open: nobody is sent to the server, whose port still accepts.
  EXPECT_FALSE(store.available());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(find(store, key).has_value());
  EXPECT_EQ(errors("find", "timeout"), before + 1);
  server.resume();
  wait_until([&] { return store.available(); });
}

TEST_F(RedisStoreTest, GoesOnFindingWhenTheServerIsFull) {
  const RedisServer server({"--maxmemory", "6mb", "--maxmemory-policy", "noeviction"});
  RedisStore store(options_for(server), metrics);
  (void)stored(store, key);
  wait_until([&] {
    store.insert(key_of("second"), embedding);
    store.insert(key_of("third"), embedding);
    return errors("insert", "failed") > 0;
  });
  EXPECT_TRUE(find(store, key).has_value());
}

TEST(RedisUrl, IsReadInAllItsParts) {
  const Result<RedisOptions> options = parse_redis_url("redis://ann:secret@cache.example:7000/3");
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->user, "ann");
  EXPECT_EQ(options->password, "secret");
  EXPECT_EQ(options->host, "cache.example");
  EXPECT_EQ(options->port, 7000);
  EXPECT_EQ(options->database, 3);
  EXPECT_EQ(parse_redis_url("redis://[::1]:7000")->host, "::1");
  EXPECT_EQ(parse_redis_url("redis://localhost")->port, 6379);
}

TEST(RedisUrl, IsRefusedWithoutRepeatingThePassword) {
  for (const char* url : {"http://a", "redis://", "redis://:secret@", "redis://:secret@a:0",
                          "redis://:secret@a:x", "redis://:secret@a:70000", "redis://:secret@a/x"}) {
    const Result<RedisOptions> options = parse_redis_url(url);
    ASSERT_FALSE(options.ok()) << url;
    EXPECT_EQ(options.status().code(), StatusCode::Usage);
    EXPECT_EQ(options.status().message().find("secret"), std::string::npos) << url;
  }
}

}  // namespace
}  // namespace facet::service
