// What happens to Redis in the middle of the work: the program, clients without pause, and a real
// redis-server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "serve/serve_process.h"
#include "service/redis_connection.h"
#include "service/redis_server.h"

namespace facet::serve_tests {
namespace {

using service::RedisServer;

constexpr std::string_view kUp = R"(facet_redis_up{role="find"})";
constexpr std::string_view kHits = R"(facet_cache_hits_total{tier="redis"})";

service::RedisReply command(const RedisServer& redis, const std::vector<std::string_view>& arguments) {
  service::RedisOptions options;
  options.port = redis.port();
  const TimePoint deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  service::RedisConnection connection = service::RedisConnection::open(options, deadline).value();
  return connection.command(arguments, deadline).value();
}

ServeProcess::Setup with_redis(const RedisServer& redis) {
  // Nothing is kept in memory: each question goes to Redis, and to the picture when that has nothing.
  return {
      .options = {"--redis", "redis://127.0.0.1:" + std::to_string(redis.port()), "--embedding-cache", "0"}};
}

/// Clients that upload a few pictures again and again, and click on them, without pause, until the object
/// goes.
class Clients {
 public:
  explicit Clients(const ServeProcess& server, int clients = 3) : server_(server) {
    for (int number = 0; number < clients; ++number) {
      threads_.emplace_back([this, number] {
        for (int i = 0; !over_; ++i) ask(picture_bytes(64 + i % 3, 64 + number));
      });
    }
  }
  ~Clients() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
    EXPECT_EQ(wrong_, 0) << "an answer that was not 200 or 201";
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;
  /// Waits until `count` more requests were answered.
  void go_on(int count) const {
    const int until = answered_ + count;
    wait_until([&] { return answered_ >= until; });
  }

 private:
  void ask(const std::string& picture) {
    const Answer uploaded = server_.call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture);
    count(uploaded.status == 201);
    if (uploaded.status != 201) return;
    const std::string path = "/v1/images/" + uploaded.json()["id"].get<std::string>() + "/masks";
    count(server_.post_json(path, {{"points", {{30, 30}}}}).status == 200);
  }
  void count(bool right) {
    ++answered_;
    if (!right) ++wrong_;
  }
  const ServeProcess& server_;
  std::atomic<bool> over_{false};
  std::atomic<int> answered_{0};
  std::atomic<int> wrong_{0};
  std::vector<std::thread> threads_;
};

class RedisUnderLoad : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::installed()) GTEST_SKIP() << "redis-server is not installed";
  }
  /// Redis is used again: it is up, and gives what was stored.
  static void wait_for_hits(const ServeProcess& server) {
    wait_until([&] { return server.metric(std::string(kUp)) == 1; });
    const double before = server.metric(std::string(kHits));
    wait_until([&] { return server.metric(std::string(kHits)) > before; });
  }
};

TEST_F(RedisUnderLoad, KilledItIsDoneWithoutAndFoundAgain) {
  RedisServer redis;
  const ServeProcess server(with_redis(redis));
  const Clients clients(server);
  wait_for_hits(server);
  redis.kill_now();
  wait_until([&] { return server.metric(std::string(kUp)) == 0; });
  clients.go_on(15);
  redis.restart();
  wait_for_hits(server);
}

TEST_F(RedisUnderLoad, PausedItCostsAFewRequestsTheirLimitAndTheOthersNothing) {
  const RedisServer redis;
  const ServeProcess server(with_redis(redis));
  const Clients clients(server);
  wait_for_hits(server);
  redis.pause();
  wait_until([&] { return server.metric(std::string(kUp)) == 0; });
  const std::string timeouts = R"(facet_redis_errors_total{reason="timeout",role="find"})";
  const double waited = server.metric(timeouts);
  clients.go_on(20);
  EXPECT_EQ(server.metric(timeouts), waited) << "requests were sent to a server that does not answer";
  redis.resume();
  wait_for_hits(server);
}

TEST_F(RedisUnderLoad, FullItStillGivesWhatItHas) {
  const RedisServer redis({"--maxmemory", "12mb", "--maxmemory-policy", "noeviction"});
  const ServeProcess server(with_redis(redis));
  const Clients clients(server);
  wait_until([&] { return server.metric(R"(facet_redis_errors_total{reason="failed",role="insert"})") > 0; });
  clients.go_on(15);
  wait_for_hits(server);  // a full server is no reason not to ask it
}

TEST_F(RedisUnderLoad, PoisonedItGivesNoWrongMask) {
  const RedisServer redis;
  const ServeProcess server(with_redis(redis));
  const std::string id =
      server.call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture_bytes()).json()["id"];
  const auto click = [&] {
    return server.post_json("/v1/images/" + id + "/masks", {{"points", {{40, 60}}}});
  };
  wait_until([&] { return click().json()["embedding"] == "store"; });
  const Json expected = click().json()["objects"];
  const std::string key = [&] {
    const service::RedisReply keys = command(redis, {"RANDOMKEY"});
    return std::string(keys.bytes.begin(), keys.bytes.end());
  }();
  const service::RedisReply entry = command(redis, {"GET", key});
  const Clients clients(server, 1);  // more would keep the answers of Redis waiting for a processor
  const std::string refused = "facet_redis_refused_values_total";
  for (std::size_t i = 0; i < 8; ++i) {
    std::string poison(entry.bytes.begin(), entry.bytes.end());
    poison[i * (poison.size() - 1) / 7] ^= 0x40;
    if (i == 0) poison = "garbage";
    const double before = server.metric(refused);
    wait_until([&] {  // until the poison is what is found, not the entry that replaced it
      command(redis, {"SET", key, poison});
      const Answer answer = click();
      EXPECT_EQ(answer.status, 200) << answer.body;
      if (answer.json()["embedding"] == "store") {
        EXPECT_EQ(answer.json()["objects"], expected) << "poison was taken for an embedding";
        return false;
      }
      return server.metric(refused) > before;
    });
  }
}

TEST_F(RedisUnderLoad, APictureThatOneProcessEncodedIsKnownToAll) {
  const RedisServer redis;
  const ServeProcess first(with_redis(redis));
  const ServeProcess second(with_redis(redis));
  const std::string id =
      first.call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture_bytes()).json()["id"];
  Answer answer;
  wait_until([&] {  // what is stored is stored after the answer
    answer = second.post_json("/v1/images/" + id + "/masks", {{"points", {{40, 60}}}});
    return answer.status == 200;
  });
  EXPECT_EQ(answer.json()["embedding"], "store");
}

}  // namespace
}  // namespace facet::serve_tests
