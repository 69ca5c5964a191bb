// Models from gs://: the program against a stand-in that speaks the storage's and the metadata server's
// protocol.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "serve/serve_process.h"
#include "support/http_server.h"

namespace facet::serve_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Buckets : public ::testing::Test {
 protected:
  /// The small model as gs://BUCKET/PATH.
  void put(const std::string& bucket, const std::string& path) {
    const fs::path file = folder_ / "objects" / bucket / path;
    fs::create_directories(file.parent_path());
    fs::copy_file(e2e::tiny_model(), file, fs::copy_options::overwrite_existing);
  }
  ServeProcess::Setup setup(const std::string& uri) {
    fs::create_directories(folder_ / "objects");
    if (!cloud_)
      cloud_ = std::make_unique<testing::ScriptServer>("cloud_storage_server.py", folder_ / "objects");
    const std::string host = cloud_->url("");
    return {.options = {"--model-dir", (folder_ / "models").string()},
            .tiny_model = false,
            .environment = {"AIP_STORAGE_URI=" + uri, "STORAGE_EMULATOR_HOST=" + host,
                            "GCE_METADATA_HOST=" + host.substr(std::string("http://").size())}};
  }
  /// What a server that does not start says.
  std::string failed_start(const std::string& uri) {
    ServeProcess::Setup at = setup(uri);
    at.wait_until_ready = false;
    ServeProcess server(at);
    EXPECT_NE(server.wait(), 0) << uri;
    return server.standard_error();
  }
  [[nodiscard]] long transfers() const {
    return std::ranges::count_if(cloud_->requests(),
                                 [](const std::string& line) { return line.find("alt=media") != line.npos; });
  }
  const testing::TemporaryFolder folder_;
  std::unique_ptr<testing::ScriptServer> cloud_;
};

void expect_serves(const ServeProcess& server, const std::string& model) {
  const Answer answer = server.post_form(
      "/segment",
      {{"file", picture_bytes(), "a.png"}, {"model_type", model, ""}, {"point_coords", "[[40, 60]]", ""}});
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json()["model_used"], model);
}

TEST_F(Buckets, AFolderGivesItsModelsAndNothingElse) {
  put("models", "v 1/small.safetensors");
  put("models", "v 1/other.safetensors");
  put("models", "v 1/notes.txt");
  put("models", "v 1/deeper/third.safetensors");
  put("models", "v 10/fourth.safetensors");
  const ServeProcess server(setup("gs://models/v 1/"));
  const Json models = server.get("/v1/models").json()["models"];
  ASSERT_EQ(models.size(), 2U) << models;
  expect_serves(server, "small");
  expect_serves(server, "other");
}

TEST_F(Buckets, WhatWasFetchedIsNotFetchedAgainUnlessItChanged) {
  put("models", "small.safetensors");
  const ServeProcess::Setup at = setup("gs://models");
  { const ServeProcess first(at); }
  EXPECT_EQ(transfers(), 1);
  const ServeProcess server(at);
  EXPECT_EQ(transfers(), 1);
  put("models", "small.safetensors");  // a new generation
  EXPECT_EQ(server.admin("POST", "/admin/models", {{"name", "small"}}).status, 200);
  EXPECT_EQ(transfers(), 2);
}

TEST_F(Buckets, AReloadTakesWhatTheFolderHasNow) {
  put("models", "small.safetensors");
  const ServeProcess server(setup("gs://models"));
  put("models", "another.safetensors");
  fs::remove(folder_ / "objects" / "models" / "small.safetensors");
  server.signal(SIGHUP);
  wait_until([&] { return server.has_event("reloaded"); });
  const Json models = server.get("/v1/models").json()["models"];
  ASSERT_EQ(models.size(), 1U) << models;
  expect_serves(server, "another");
}

TEST_F(Buckets, AReloadThatWaitsForTheFolderHoldsNothingUp) {
  put("models", "small.safetensors");
  ServeProcess server(setup("gs://models"));
  cloud_->fall_silent();
  server.signal(SIGHUP);
  wait_until([&] { return server.has_event("reload"); });
  server.signal(SIGHUP);
  expect_serves(server, "small");
  EXPECT_FALSE(server.has_event("reload_failed")) << "it was waited for";
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(Buckets, UntilItsModelIsThereAServiceLivesAndIsNotReady) {
  ServeProcess::Setup at = setup("");
  at.options.insert(at.options.end(), {"--model", "m=gs://models/small.safetensors"});
  at.wait_until_ready = false;
  cloud_->fall_silent();
  ServeProcess server(at);
  EXPECT_EQ(server.get("/livez").status, 200);
  for (const char* path : {"/readyz", "/health", "/v2/health/ready", "/vertex/health"})
    EXPECT_EQ(server.get(path).status, 503) << path;
  const Answer answer = server.post_form("/segment", {{"file", picture_bytes(), "a.png"}});
  EXPECT_EQ(answer.status, 503) << answer.body;
  EXPECT_TRUE(answer.headers.contains("retry-after"));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(Buckets, AServerThatIsBusyIsAskedAgain) {
  put("busy-models", "small.safetensors");
  expect_serves(ServeProcess(setup("gs://busy-models")), "small");
}

TEST_F(Buckets, ATransferThatBreaksOffGoesOnWhereItEnded) {
  put("cut-models", "small.safetensors");
  expect_serves(ServeProcess(setup("gs://cut-models")), "small");
  EXPECT_THAT(cloud_->requests(), Contains(HasSubstr(" bytes=")));
}

TEST_F(Buckets, BytesThatDoNotFitTheirChecksumAreRefused) {
  put("broken-models", "small.safetensors");
  EXPECT_THAT(failed_start("gs://broken-models"), HasSubstr("CRC-32C"));
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "models"))
    EXPECT_FALSE(entry.is_regular_file()) << entry.path();
}

TEST_F(Buckets, AnObjectThatIsGoneEndsTheStartAndIsNamed) {
  put("lost-models", "small.safetensors");
  const std::string error = failed_start("gs://lost-models");
  EXPECT_THAT(error, HasSubstr("lost-models/o/small.safetensors"));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("ya29.")));
}

TEST_F(Buckets, AModelOptionNamesAnObject) {
  put("models", "deep/er/small.safetensors");
  ServeProcess::Setup at = setup("");
  at.options.emplace_back("--model=m=gs://models/deep/er/small.safetensors");
  expect_serves(ServeProcess(at), "m");
}

TEST_F(Buckets, AListThatCannotBeReadEndsTheStartAndSaysWhy) {
  put("models", "notes.txt");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"gs://", "expected gs://BUCKET/PATH"},
      {"gs://Upper/x", "expected gs://BUCKET/PATH"},
      {"gs://none", "the server answered 404"},
      {"gs://models", "expected a folder with"}};
  for (const auto& [uri, reason] : cases) EXPECT_THAT(failed_start(uri), HasSubstr(reason)) << uri;
}

}  // namespace
}  // namespace facet::serve_tests
