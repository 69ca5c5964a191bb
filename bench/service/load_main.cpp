// An open loop against a running `facet serve`: requests arrive as a Poisson process, whether or not earlier
// ones were answered, and a latency counts from the moment a request was due, not from when it could be sent.
//
//   facet_service_load --port 8080 --picture photo.jpg --rate 20 --seconds 30              cached clicks
//   facet_service_load ... --encoders 1                                  the same while pictures are uploaded
//   facet_service_load ... --rate 0 --clickers 16                          as many clicks as there is room
//   for facet_service_load ... --rate 150                                                       overload
//   facet_service_load ... --idle 1000 --slow 200                         beside silent and slow connections
//
// Prints one JSON object. Pictures are JPEG; each upload gets a comment of its own and so is a new picture.
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "service/http_client.h"
#include "service/latency_histogram.h"

namespace facet::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct LoadOptions {
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string picture;
  double rate = 20;
  double seconds = 30;
  int pictures = 8;
  int encoders = 0;
  int clickers = 0;
  int idle = 0;
  int slow = 0;
  int timeout_ms = 0;
  std::uint64_t seed = 1;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The same JPEG with a comment after its first marker.
std::string with_comment(const std::string& jpeg, const std::string& comment) {
  const auto length = static_cast<std::uint16_t>(comment.size() + 2);
  std::string segment = {'\xFF', '\xFE', char(length >> 8), char(length & 0xFF)};
  return jpeg.substr(0, 2) + segment + comment + jpeg.substr(2);
}

Json summary(const LatencyHistogram& latency) {
  return {{"count", latency.count()},
          {"mean_ms", latency.mean() * 1e3},
          {"p50_ms", latency.quantile(0.5) * 1e3},
          {"p90_ms", latency.quantile(0.9) * 1e3},
          {"p99_ms", latency.quantile(0.99) * 1e3},
          {"p999_ms", latency.quantile(0.999) * 1e3},
          {"max_ms", latency.most() * 1e3}};
}

struct Picture {
  std::string id;
  double width = 0;
  double height = 0;
};

class Load {
 public:
  Load(boost::asio::io_context& io, const LoadOptions& options)
      : io_(io),
        options_(options),
        client_(io, options.host, options.port),
        jpeg_(read_file(options.picture)),
        random_(options.seed),
        arrival_(io) {}

  /// Uploads the pictures that clicks are for, then begins.
  void start() {
    if (jpeg_.size() < 4 || jpeg_.compare(0, 2, "\xFF\xD8") != 0) {
      throw std::runtime_error(options_.picture + " is not a JPEG");
    }
    upload([this](const HttpAnswer& answer) {
      if (answer.status != 201 && answer.status != 200) {
        throw std::runtime_error("upload: status " + std::to_string(answer.status) + " " + answer.body);
      }
      const Json body = Json::parse(answer.body);
      pictures_.push_back({body.at("id"), body.at("width"), body.at("height")});
      if (int(pictures_.size()) < options_.pictures) return start();
      begin();
    });
  }

  [[nodiscard]] Json report() const {
    Json statuses = Json::object();
    for (const auto& [status, count] : statuses_)
      statuses[status == 0 ? "failed" : std::to_string(status)] = count;
    Json out = {{"rate", options_.rate},
                {"seconds", elapsed_},
                {"sent", sent_},
                {"statuses", statuses},
                {"clicks_ok", summary(ok_)},
                {"clicks_refused", summary(refused_)},
                {"encoders", options_.encoders},
                {"encodes", summary(encodes_)},
                {"idle", options_.idle},
                {"slow", options_.slow},
                {"connections", client_.connections_opened()}};
    out["clicks_per_second"] = elapsed_ > 0 ? double(ok_.count()) / elapsed_ : 0;
    out["encodes_per_second"] = elapsed_ > 0 ? double(encodes_.count()) / elapsed_ : 0;
    return out;
  }

 private:
  void begin() {
    client_.open_silent(options_.idle, options_.slow);
    begin_ = Clock::now();
    due_ = begin_;
    for (int i = 0; i < options_.encoders; ++i) encode_without_pause();
    for (int i = 0; i < options_.clickers; ++i) click_without_pause();
    schedule();
  }

  [[nodiscard]] bool over() const { return seconds_since(begin_) >= options_.seconds; }

  void schedule() {
    const Clock::time_point end =
        begin_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.seconds));
    if (options_.rate > 0) {
      std::exponential_distribution<double> gap(options_.rate);
      due_ += std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(gap(random_)));
    }
    const bool last = options_.rate == 0 || due_ >= end;
    arrival_.expires_at(last ? end : due_);
    arrival_.async_wait([this, last](const boost::system::error_code& error) {
      if (error) return;
      if (last) return drain();
      click(due_, [] {});
      schedule();
    });
  }

  // What was sent is waited for: a slow answer counts in full.
  void drain() {
    elapsed_ = seconds_since(begin_);
    draining_ = true;
    stop_when_done();
  }
  void stop_when_done() {
    if (draining_ && in_flight_ == 0) io_.stop();
  }

  void click(Clock::time_point due, const std::function<void()>& then) {
    const Picture& picture = pictures_[random_() % pictures_.size()];
    std::uniform_real_distribution<double> share(0.05, 0.95);
    const Json body = {{"points", {{picture.width * share(random_), picture.height * share(random_)}}},
                       {"labels", {1}}};
    ++sent_;
    ++in_flight_;
    const std::string query =
        options_.timeout_ms > 0 ? "?timeout_ms=" + std::to_string(options_.timeout_ms) : "";
    client_.post("/v1/images/" + picture.id + "/masks" + query, body.dump(), "application/json",
                 [this, due, then](const HttpAnswer& answer) {
                   ++statuses_[answer.status];
                   (answer.status == 200 ? ok_ : refused_).add(seconds_since(due));
                   --in_flight_;
                   then();
                   stop_when_done();
                 });
  }

  void click_without_pause() {
    if (draining_ || over()) return;
    click(Clock::now(), [this] { click_without_pause(); });
  }

  void encode_without_pause() {
    if (draining_ || over()) return;
    const Clock::time_point began = Clock::now();
    upload([this, began](const HttpAnswer& answer) {
      if (answer.status / 100 == 2 && !draining_) encodes_.add(seconds_since(began));
      encode_without_pause();
    });
  }

  void upload(const HttpClient::Done& done) {
    client_.post(
        "/v1/images",
        with_comment(jpeg_, "load " + std::to_string(options_.seed) + " " + std::to_string(uploads_++)),
        "image/jpeg", done);
  }

  boost::asio::io_context& io_;
  const LoadOptions& options_;
  HttpClient client_;
  std::string jpeg_;
  std::mt19937_64 random_;
  boost::asio::steady_timer arrival_;
  std::vector<Picture> pictures_;
  Clock::time_point begin_;
  Clock::time_point due_;
  double elapsed_ = 0;
  bool draining_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t uploads_ = 0;
  int in_flight_ = 0;
  std::map<int, std::uint64_t> statuses_;
  LatencyHistogram ok_;
  LatencyHistogram refused_;
  LatencyHistogram encodes_;
};

}  // namespace
}  // namespace facet::bench

int main(int argc, char** argv) {
  facet::bench::LoadOptions options;
  CLI::App app("Open-loop load on a running facet serve; prints one JSON object");
  app.add_option("--host", options.host, "address")->capture_default_str();
  app.add_option("--port", options.port, "port")->capture_default_str();
  app.add_option("--picture", options.picture, "a JPEG file")->required()->check(CLI::ExistingFile);
  app.add_option("--rate", options.rate, "clicks a second; 0: none by the clock")
      ->check(CLI::Range(0.0, 1e5))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "how long")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--pictures", options.pictures, "pictures that are clicked on")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--encoders", options.encoders, "new pictures in flight at all times")
      ->capture_default_str();
  app.add_option("--clickers", options.clickers, "clicks in flight at all times")->capture_default_str();
  app.add_option("--idle", options.idle, "connections that say nothing")->capture_default_str();
  app.add_option("--slow", options.slow, "connections that send a byte a second")->capture_default_str();
  app.add_option("--timeout-ms", options.timeout_ms, "deadline of each click")->capture_default_str();
  app.add_option("--seed", options.seed, "of arrivals and points; also makes the pictures new")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    boost::asio::io_context io;
    facet::bench::Load load(io, options);
    load.start();
    io.run();
    std::cout << load.report().dump(2) << "\n";
  } catch (const std::exception& error) {
    std::cerr << "facet_service_load: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
