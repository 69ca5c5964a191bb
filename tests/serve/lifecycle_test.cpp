#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "serve/serve_process.h"

namespace facet::serve_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Headers kPng = {{"Content-Type", "image/png"}};

std::string upload(const ServeProcess& server, const std::string& picture = picture_bytes()) {
  return server.call("POST", "/v1/images", kPng, picture).json()["id"];
}

TEST(Lifecycle, IsReadyOnceModelsAreTriedAndLiveBefore) {
  ServeProcess server({.wait_until_ready = false});
  EXPECT_EQ(server.get("/livez").status, 200);
  wait_until([&] { return server.get("/readyz").status == 200; });
  EXPECT_EQ(server.get("/health").json()["status"], "UP");
  EXPECT_TRUE(server.has_event("model_ready"));
}

TEST(Lifecycle, SigtermEndsWithZeroAndReadinessFallsFirst) {
  ServeProcess server({.options = {"--drain-delay", "300"}});
  const std::string id = upload(server);
  server.signal(SIGTERM);
  wait_until([&] { return server.get("/readyz").status == 503; });
  const Answer served = server.post_json("/v1/images/" + id + "/masks", {{"points", {{40, 60}}}});
  EXPECT_EQ(served.status, 200) << "requests are served through the drain delay";
  EXPECT_EQ(served.headers.at("connection"), "close");
  EXPECT_EQ(server.wait(), 0);
  EXPECT_TRUE(server.has_event("stopped"));
}

TEST(Lifecycle, ASecondSignalEndsAtOnce) {
  ServeProcess server({.options = {"--drain-delay", "3600000"}});
  server.signal(SIGTERM);
  wait_until([&] { return server.get("/readyz").status == 503; });
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 130);
}

TEST(Lifecycle, SigtermUnderLoadLosesNoAcceptedRequest) {
  ServeProcess server({.options = {"--drain-delay", "100"}});
  const std::string path = "/v1/images/" + upload(server) + "/masks";
  std::atomic<int> answered{0};
  std::atomic<int> lost{0};
  const auto client = [&](int number) {
    // New pictures and clicks; each request on a connection of its own, until the port is closed.
    for (int i = 0;; ++i) {
      Client connection(server.port());
      const bool is_upload = number % 2 == 0;
      const std::string request =
          is_upload
              ? request_text("POST", "/v1/images", kPng, picture_bytes(60 + i % 20, 60 + number))
              : request_text("POST", path, {{"Content-Type", "application/json"}}, R"({"points":[[40,60]]})");
      if (!connection.send(request)) return;
      const Answer answer = connection.receive();
      if (answer.status == 0) {
        ++lost;
        return;
      }
      EXPECT_TRUE(answer.status == 200 || answer.status == 201) << answer.status << answer.body;
      ++answered;
    }
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(client, i);
  wait_until([&] { return answered > 20; });
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(lost, 0);
}

TEST(Lifecycle, RequestsAtWorkAreAnsweredAfterTheListenersClose) {
  ServeProcess server;
  Client client(server.port());
  const std::string request = request_text("POST", "/v1/images", kPng, picture_bytes(200, 300));
  client.send(request.substr(0, request.size() - 10));
  wait_until([&] { return server.metric("facet_http_in_flight") >= 2; });
  server.signal(SIGTERM);
  wait_until([&] { return Client(server.port()).receive().status == 0 && server.has_event("draining"); });
  client.send(request.substr(request.size() - 10));
  EXPECT_EQ(client.receive().status, 201);
  EXPECT_EQ(server.wait(), 0);
}

TEST(Lifecycle, SigkillAndRestartServeAgain) {
  std::string id;
  {
    ServeProcess server;
    id = upload(server);
    server.signal(SIGKILL);
    EXPECT_EQ(server.wait(), -SIGKILL);
  }
  const ServeProcess server;
  EXPECT_EQ(server.post_json("/v1/images/" + id + "/masks", {{"points", {{40, 60}}}}).status, 404);
  EXPECT_EQ(upload(server), id) << "the id is the content: the client sends the picture again and goes on";
  EXPECT_EQ(server.post_json("/v1/images/" + id + "/masks", {{"points", {{40, 60}}}}).status, 200);
}

TEST(Models, AMissingFileEndsTheStartAndIsNamed) {
  ServeProcess server(
      {.options = {"--model", "m=/nowhere/model.pt"}, .tiny_model = false, .wait_until_ready = false});
  EXPECT_EQ(server.wait(), 4);
  EXPECT_THAT(server.standard_error(), HasSubstr("/nowhere/model.pt"));
}

TEST(Models, ACorruptFileEndsTheStartAndIsNamed) {
  const testing::TemporaryFolder folder;
  e2e::write_file(folder / "bad.safetensors", "not a model");
  ServeProcess server({.options = {"--model", "m=" + (folder / "bad.safetensors").string()},
                       .tiny_model = false,
                       .wait_until_ready = false});
  EXPECT_EQ(server.wait(), 4);
  EXPECT_THAT(server.standard_error(), HasSubstr("bad.safetensors"));
}

class Reload : public ::testing::Test {
 protected:
  static fs::path own_copy(const fs::path& path) {
    fs::copy_file(e2e::tiny_model(), path);
    return path;
  }
  const testing::TemporaryFolder folder_;
  const fs::path model_ = own_copy(folder_ / "model.safetensors");
  ServeProcess server_{
      ServeProcess::Setup{.options = {"--model", "m=" + model_.string()}, .tiny_model = false}};
};

TEST_F(Reload, AReplacedFileIsTakenOverAndTheOldModelServesMeanwhile) {
  const std::string path = "/v1/images/" + upload(server_) + "/masks";
  fs::copy_file(e2e::tiny_model(), folder_ / "new");
  fs::rename(folder_ / "new", model_);
  const Answer loaded = server_.admin("POST", "/admin/models", {{"name", "m"}});
  ASSERT_EQ(loaded.status, 200) << loaded.body;
  EXPECT_EQ(loaded.json()["models"][0]["generation"], 2);
  const Answer masks = server_.post_json(path, {{"points", {{40, 60}}}});
  EXPECT_EQ(masks.status, 200) << masks.body;
}

TEST_F(Reload, ACorruptReplacementIsRefusedAndTheOldModelServesOn) {
  const std::string path = "/v1/images/" + upload(server_) + "/masks";
  e2e::write_file(folder_ / "new", "not a model");
  fs::rename(folder_ / "new", model_);
  const Answer refused = server_.admin("POST", "/admin/models", {{"name", "m"}});
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(server_.post_json(path, {{"points", {{40, 60}}}}).status, 200);
  EXPECT_EQ(server_.get("/readyz").status, 200);
  EXPECT_THAT(server_.get("/v1/models").body, ::testing::Not(HasSubstr(model_.string())))
      << "the public port names files";
}

TEST(Models, APackedFileThatIsWrittenOverDisturbsNobody) {
  const testing::TemporaryFolder folder;
  const fs::path packed = folder / "model.facet";
  ASSERT_EQ(e2e::run_facet({"convert", e2e::tiny_model().string(), packed.string()}).status, 0);
  ServeProcess server({.options = {"--model", "m=" + packed.string()}, .tiny_model = false});
  fs::resize_file(packed, 0);  // as a copy over it begins
  const std::string path = "/v1/images/" + upload(server) + "/masks";
  EXPECT_EQ(server.post_json(path, {{"points", {{40, 60}}}}).status, 200);
  EXPECT_EQ(server.admin("POST", "/admin/models", {{"name", "m"}}).status, 422);
  EXPECT_EQ(server.post_json(path, {{"points", {{41, 60}}}}).status, 200);
  EXPECT_TRUE(server.running());
}

TEST_F(Reload, SighupLoadsAgain) {
  server_.signal(SIGHUP);
  wait_until([&] { return server_.admin("GET", "/admin/models").json()["models"][0]["generation"] == 2; });
  EXPECT_TRUE(server_.has_event("reload"));
}

TEST_F(Reload, AnotherModelIsAddedThroughTheAdminPortOnly) {
  const Json request = {{"name", "other"}, {"file", e2e::tiny_model().string()}};
  EXPECT_EQ(server_.post_json("/admin/models", request).status, 404);
  EXPECT_EQ(server_.admin("POST", "/admin/models", request).status, 200);
  EXPECT_EQ(server_.call("POST", "/v1/images?model=other", kPng, picture_bytes()).json()["model"], "other");
}

TEST_F(Reload, ANewModelThatCannotBeLoadedLeavesTheServiceReady) {
  e2e::write_file(folder_ / "broken.safetensors", "not a model");
  const Json broken = {{"name", "new"}, {"file", (folder_ / "broken.safetensors").string()}, {"wait", false}};
  EXPECT_EQ(server_.admin("POST", "/admin/models", broken).status, 202);
  Json report;
  wait_until([&] {
    for (const char* path : {"/readyz", "/health", "/v2/health/ready", "/vertex/health"})
      EXPECT_EQ(server_.get(path).status, 200) << path;
    report = server_.admin("GET", "/admin/models").json()["models"].at(1);
    return report["state"] != "loading";
  });
  EXPECT_EQ(report["state"], "failed");
  EXPECT_EQ(report["serving"], false);
  EXPECT_THAT(report["error"].get<std::string>(), HasSubstr("broken.safetensors"));
  EXPECT_EQ(server_.get("/readyz").status, 200);
  EXPECT_EQ(server_.admin("POST", "/admin/models", Json::object()).status, 200) << "all that ever served";
  const Json whole = {{"name", "new"}, {"file", e2e::tiny_model().string()}};
  EXPECT_EQ(server_.admin("POST", "/admin/models", whole).status, 200);
  EXPECT_EQ(server_.call("POST", "/v1/images?model=new", kPng, picture_bytes()).status, 201);
}

/// A service from a file that is then another, and SIGHUP.
class ReloadFile : public ::testing::Test {
 protected:
  ReloadFile() {
    for (const char* model : {"one", "two", "three"}) fs::copy_file(e2e::tiny_model(), file_of(model));
    write({"one", "two"}, "fast: one");
    server_ = std::make_unique<ServeProcess>(
        ServeProcess::Setup{.options = {"--config", config_.string()}, .tiny_model = false});
  }
  [[nodiscard]] fs::path file_of(const std::string& model) const {
    return folder_ / (model + ".safetensors");
  }
  void write(const std::vector<std::string>& models, const std::string& aliases) {
    std::string text = "aliases: {" + aliases + "}\nmodels:\n";
    for (const std::string& model : models) text += "  " + model + ": " + file_of(model).string() + "\n";
    e2e::write_file(config_, text);
  }
  void reload(const std::string& outcome) const {
    server_->signal(SIGHUP);
    wait_until([&] { return server_->has_event(outcome); });
  }
  /// The model that answers for a name; "" for the default.
  [[nodiscard]] std::string answering(const std::string& name) const {
    const std::string query = name.empty() ? "" : "?model=" + name;
    const Answer answer = server_->call("POST", "/v1/images" + query, kPng, picture_bytes());
    return answer.status == 201 ? answer.json()["model"].get<std::string>() : std::to_string(answer.status);
  }
  [[nodiscard]] std::vector<std::string> served() const {
    const Json models = server_->get("/v1/models").json()["models"];
    std::vector<std::string> names;
    for (const Json& model : models) names.push_back(model["name"]);
    return names;
  }
  void expect_all_as_it_was() const {
    EXPECT_THAT(served(), ElementsAre("one", "two"));
    EXPECT_EQ(server_->get("/v1/models").json()["aliases"], Json({{"fast", "one"}}));
    EXPECT_EQ(answering(""), "one");
    EXPECT_EQ(answering("fast"), "one");
    EXPECT_EQ(server_->get("/readyz").status, 200);
  }

  const testing::TemporaryFolder folder_;
  const fs::path config_ = folder_ / "serve.yaml";
  std::unique_ptr<ServeProcess> server_;
};

TEST_F(ReloadFile, WhatTheFileSaysHolds) {
  EXPECT_EQ(answering("fast"), "one");
  EXPECT_EQ(
      server_->admin("POST", "/admin/models", {{"name", "added"}, {"file", file_of("two").string()}}).status,
      200);
  write({"three", "two"}, "quick: two");
  reload("reloaded");
  EXPECT_THAT(served(), ElementsAre("three", "two"));
  EXPECT_EQ(server_->get("/v1/models").json()["aliases"], Json({{"quick", "two"}}));
  EXPECT_EQ(answering(""), "three");
  EXPECT_EQ(answering("quick"), "two");
  for (const char* gone : {"one", "fast", "added"}) EXPECT_EQ(answering(gone), "422") << gone;
  EXPECT_EQ(server_->get("/readyz").status, 200);
}

TEST_F(ReloadFile, AnAliasThatIsAModelChangesNothing) {
  write({"two", "three"}, "two: three");
  reload("reload_failed");
  expect_all_as_it_was();
  EXPECT_THAT(server_->standard_error(), HasSubstr("a model has this name"));
}

TEST_F(ReloadFile, AFileThatIsNotThereChangesNothing) {
  write({"three", "nowhere"}, "quick: three");
  reload("reload_failed");
  expect_all_as_it_was();
  EXPECT_THAT(server_->standard_error(), HasSubstr("nowhere.safetensors"));
}

TEST_F(ReloadFile, AFileThatIsNoYamlChangesNothing) {
  e2e::write_file(config_, "models: [");
  reload("reload_failed");
  expect_all_as_it_was();
}

TEST_F(ReloadFile, AServedModelWhoseFileIsGoneServesOn) {
  fs::remove(file_of("one"));
  reload("reload_failed");
  expect_all_as_it_was();
}

TEST_F(ReloadFile, AServedModelWhoseFileIsBrokenServesOnBesideNewOnes) {
  e2e::write_file(file_of("new"), "not a model");
  fs::rename(file_of("new"), file_of("one"));
  write({"one", "three"}, "fast: three");
  reload("reloaded");
  EXPECT_THAT(served(), ElementsAre("one", "three"));
  EXPECT_EQ(answering(""), "one");
  EXPECT_EQ(answering("fast"), "three");
  EXPECT_TRUE(server_->has_event("model_failed"));
}

TEST_F(ReloadFile, NewModelsOfWhichNoneLoadsLeaveTheOldOnes) {
  e2e::write_file(file_of("broken"), "not a model");
  write({"broken"}, "fast: broken");
  reload("reload_failed");
  EXPECT_THAT(served(), ElementsAre("one", "two", "broken"));
  EXPECT_EQ(answering(""), "one");
  EXPECT_EQ(answering("fast"), "one");
  EXPECT_EQ(server_->get("/readyz").status, 200);
}

TEST(Clients, OneGoneInMidUploadLeavesNothingBehind) {
  const ServeProcess server;
  {
    Client client(server.port());
    const std::string request = request_text("POST", "/v1/images", kPng, picture_bytes(200, 300));
    client.send(request.substr(0, request.size() / 2));
    wait_until([&] { return server.metric("facet_http_in_flight") >= 2; });
    client.reset();
  }
  wait_until([&] { return server.metric("facet_http_in_flight") == 1; });
  EXPECT_EQ(upload(server).size(), 64U);
}

TEST(Clients, OneGoneInMidWaitCancelsItsWork) {
  const ServeProcess server;
  const std::string id = upload(server, picture_bytes(400, 400));
  {
    Client client(server.port());
    const std::string body = R"({"points_per_side": 128, "points_per_batch": 1})";
    client.send(request_text("POST", "/v1/images/" + id + "/everything",
                             {{"Content-Type", "application/json"}}, body));
    wait_until([&] { return server.metric("facet_http_requests_busy") >= 1; });
    client.reset();
  }
  const std::string gone =
      R"(facet_http_requests_total{method="POST",route="/v1/images/{id}/everything",status="499"})";
  wait_until([&] { return server.metric(gone) == 1; });
  EXPECT_EQ(server.post_json("/v1/images/" + id + "/masks", {{"points", {{40, 60}}}}).status, 200);
}

TEST(Clients, ADeadlineEndsTheWorkWith504) {
  const ServeProcess server;
  const std::string id = upload(server, picture_bytes(400, 400));
  const Answer late =
      server.post_json("/v1/images/" + id + "/everything",
                       {{"points_per_side", 128}, {"points_per_batch", 1}, {"timeout_ms", 50}});
  EXPECT_EQ(late.status, 504) << late.body;
  EXPECT_EQ(late.json()["error"]["code"], "deadline_exceeded");
}

TEST(Clients, BeyondTheQueueThereIs503WithRetryAfter) {
  const ServeProcess server({.options = {"--max-requests", "4", "--max-queued", "1"}});
  const std::string id = upload(server, picture_bytes(400, 400));
  const std::string request =
      request_text("POST", "/v1/images/" + id + "/everything", {{"Content-Type", "application/json"}},
                   R"({"points_per_side": 64, "points_per_batch": 1, "timeout_ms": 3000})");
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->send(request);
  }
  int refused = 0;
  for (const auto& client : clients) {
    const Answer answer = client->receive();
    EXPECT_TRUE(answer.status == 200 || answer.status == 503 || answer.status == 504) << answer.body;
    if (answer.status != 503) continue;
    ++refused;
    EXPECT_GE(std::stoi(answer.headers.at("retry-after")), 1);
  }
  EXPECT_GE(refused, 4);
  EXPECT_EQ(server.get("/livez").status, 200);
}

TEST(Clients, SlowOnesAreCutOffAndOthersAreServedMeanwhile) {
  const ServeProcess server(
      {.options = {"--header-timeout", "200", "--body-timeout", "300", "--idle-timeout", "400"}});
  Client idle(server.port());
  Client slow_header(server.port());
  slow_header.send("POST /segment HT");
  Client slow_body(server.port());
  slow_body.send(
      "POST /segment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{");
  EXPECT_EQ(upload(server).size(), 64U);
  EXPECT_EQ(slow_header.receive().status, 408);
  EXPECT_EQ(slow_body.receive().status, 408);
  EXPECT_EQ(idle.receive().status, 0);
}

TEST(Clients, ConnectionsBeyondTheLimitAreClosedAndLaterOnesServed) {
  const ServeProcess server({.options = {"--max-connections", "3"}});
  {
    std::vector<std::unique_ptr<Client>> clients;
    // Connections of earlier requests may not be gone yet.
    while (clients.size() < 3) {
      auto client = std::make_unique<Client>(server.port());
      client->send(request_text("GET", "/livez"));
      if (client->receive().status == 200) clients.push_back(std::move(client));
    }
    Client beyond(server.port());
    beyond.send(request_text("GET", "/livez"));
    EXPECT_EQ(beyond.receive().status, 0);
  }
  wait_until([&] { return server.get("/livez").status == 200; });
}

TEST(Evicted, PicturesThatAreKeptAreEncodedAgainAndOthersAreGone) {
  const ServeProcess forgetful({.options = {"--embedding-cache", "0"}});
  const std::string kept = upload(forgetful);
  const Answer again = forgetful.post_json("/v1/images/" + kept + "/masks", {{"points", {{40, 60}}}});
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.json()["embedding"], "encoded");

  const ServeProcess both({.options = {"--embedding-cache", "0", "--picture-store", "0"}});
  const std::string gone = upload(both);
  const Answer answer = both.post_json("/v1/images/" + gone + "/masks", {{"points", {{40, 60}}}});
  EXPECT_EQ(answer.status, 410) << answer.body;
  EXPECT_THAT(answer.json()["error"]["message"].get<std::string>(), HasSubstr("send it again"));
}

TEST(Options, UnknownKeysAreRefusedWithTheNearestKnown) {
  const testing::TemporaryFolder folder;
  e2e::write_file(folder / "serve.yaml", "port: 0\nmax_bodi: 1MiB\n");
  const e2e::RunResult run = e2e::run_facet({"serve", "--config", (folder / "serve.yaml").string()});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.error, HasSubstr("line 2"));
  EXPECT_THAT(run.error, HasSubstr("max_bodi"));
  EXPECT_THAT(run.error, HasSubstr("'max_body'"));
}

TEST(Options, AFileNamesModelsAliasesAndLimits) {
  const testing::TemporaryFolder folder;
  e2e::write_file(folder / "serve.yaml",
                  "models:\n  small: " + e2e::tiny_model().string() +
                      "\n  second:\n    file: " + e2e::tiny_model().string() +
                      "\n    precision: fp32\naliases:\n  fast: small\nmax_body: 1KiB\n");
  const ServeProcess server({.options = {"--config", (folder / "serve.yaml").string()}, .tiny_model = false});
  const Json models = server.get("/v1/models").json();
  EXPECT_EQ(models["models"][0]["name"], "small");
  EXPECT_EQ(models["aliases"]["fast"], "small");
  EXPECT_EQ(server.call("POST", "/v1/images", kPng, std::string(2000, 'x')).status, 413);
}

TEST(Options, AnAddressInUseEndsTheStartAndIsNamed) {
  const ServeProcess server;
  const e2e::RunResult run = e2e::run_facet({"serve", "--port", std::to_string(server.port()), "--admin-port",
                                             "-1", "--model", "m=" + e2e::tiny_model().string()});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.error, HasSubstr(std::to_string(server.port())));
}

}  // namespace
}  // namespace facet::serve_tests
