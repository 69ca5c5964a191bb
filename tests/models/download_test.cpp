#include "models/download.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "models/file_digest.h"
#include "models/model_folder.h"
#include "support/http_server.h"
#include "support/paths.h"

namespace facet::models {
namespace {

namespace fs = std::filesystem;
using facet::testing::HttpServer;
using facet::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kSize = 300000;

std::string make_content() {
  std::string content(kSize, '\0');
  std::uint32_t state = 1;
  for (char& byte : content) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return content;
}

class Download : public ::testing::Test {
 protected:
  Download() {
    std::ofstream(folder_ / "reference", std::ios::binary) << content_;
    digest_ = sha256_of_file(folder_ / "reference").value();
    expected_ = {"model.pt", static_cast<std::int64_t>(kSize), digest_};
    options_.first_pause = std::chrono::milliseconds(1);
    options_.stall_timeout = std::chrono::seconds(1);
  }
  Status fetch(const std::string& path) { return download(server_.url(path), target_, expected_, options_); }
  void leave_partial(const std::string& bytes) {
    std::ofstream(partial_path(target_), std::ios::binary) << bytes;
  }
  static std::string read(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void expect_arrived() {
    EXPECT_TRUE(read(target_) == content_);
    EXPECT_FALSE(fs::exists(partial_path(target_)));
  }
  void expect_nothing_under_the_final_name() { EXPECT_FALSE(fs::exists(target_)); }

  const std::string content_ = make_content();
  TemporaryFolder folder_;
  HttpServer server_{content_};
  const fs::path target_ = folder_ / "model.pt";
  std::string digest_;
  PinnedFile expected_;
  DownloadOptions options_;
};

TEST_F(Download, FetchesAndChecks) {
  const Status status = fetch("/file");
  ASSERT_TRUE(status.ok()) << status.message();
  expect_arrived();
}

TEST_F(Download, FollowsARedirect) {
  ASSERT_TRUE(fetch("/redirect").ok());
  expect_arrived();
}

TEST_F(Download, ReportsProgressUpToTheWhole) {
  std::int64_t last = 0;
  options_.progress = [&last](std::int64_t done, std::int64_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, static_cast<std::int64_t>(kSize));
    last = done;
  };
  ASSERT_TRUE(fetch("/file").ok());
  EXPECT_EQ(last, static_cast<std::int64_t>(kSize));
}

TEST_F(Download, GoesOnWhereAnEarlierRunStopped) {
  leave_partial(content_.substr(0, 123456));
  ASSERT_TRUE(fetch("/file").ok());
  expect_arrived();
  EXPECT_THAT(server_.requests(), ElementsAre("/file bytes=123456-"));
}

TEST_F(Download, AsksForNothingWhenAllHadArrived) {
  leave_partial(content_);
  ASSERT_TRUE(fetch("/file").ok());
  expect_arrived();
  EXPECT_THAT(server_.requests(), ElementsAre());
}

TEST_F(Download, StartsAnewWhenTheServerKnowsNoRanges) {
  leave_partial(content_.substr(0, 5000));
  ASSERT_TRUE(fetch("/norange").ok());
  expect_arrived();
}

TEST_F(Download, StartsAnewWhenTheServerSendsAnotherRange) {
  leave_partial(content_.substr(0, 5000));
  const Status status = fetch("/shifted");
  ASSERT_TRUE(status.ok()) << status.message();
  expect_arrived();
  EXPECT_THAT(server_.requests(), ElementsAre("/shifted bytes=5000-", "/shifted -"));
}

TEST_F(Download, StartsAnewWhenTheEarlierBytesWereAnotherFiles) {
  leave_partial(std::string(5000, 'x'));
  ASSERT_TRUE(fetch("/file").ok());
  expect_arrived();
  EXPECT_THAT(server_.requests(), ElementsAre("/file bytes=5000-", "/file -"));
}

TEST_F(Download, StartsAnewWhenMoreHadArrivedThanTheFileHas) {
  leave_partial(content_ + "more");
  ASSERT_TRUE(fetch("/file").ok());
  expect_arrived();
}

TEST_F(Download, GoesOnAfterCutConnections) {
  ASSERT_TRUE(fetch("/cut").ok());
  expect_arrived();
  EXPECT_THAT(server_.requests(), ElementsAre("/cut -", "/cut bytes=100000-", "/cut bytes=200000-"));
}

TEST_F(Download, TriesAgainWhenTheServerIsBusy) {
  ASSERT_TRUE(fetch("/busy").ok());
  expect_arrived();
  EXPECT_EQ(server_.requests().size(), 3U);
}

TEST_F(Download, GivesUpAfterItsAttemptsAndKeepsWhatArrived) {
  const Status status = fetch("/broken");
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr(server_.url("/broken")));
  expect_nothing_under_the_final_name();
  EXPECT_EQ(server_.requests().size(), 4U);
  EXPECT_TRUE(read(partial_path(target_)) == content_.substr(0, 4000));
}

TEST_F(Download, DoesNotAskAgainForAFileThatIsNotThere) {
  const Status status = fetch("/missing");
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr("404"));
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Download, RemovesAWholeFileWithTheWrongDigest) {
  const Status status = fetch("/wrong");
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr("expected SHA-256 " + digest_));
  EXPECT_THAT(status.message(), HasSubstr("found "));
  expect_nothing_under_the_final_name();
  EXPECT_FALSE(fs::exists(partial_path(target_)));
}

TEST_F(Download, AnotherFileDoesNotCostWhatHasArrived) {
  leave_partial(content_.substr(0, 5000));
  const Status status = fetch("/short");
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr("expected 300000 bytes, found 512"));
  EXPECT_TRUE(read(partial_path(target_)) == content_.substr(0, 5000));
}

TEST_F(Download, StopsAtTheExpectedSize) {
  const Status status = fetch("/endless");
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr("expected 300000 bytes, found more"));
  EXPECT_FALSE(fs::exists(partial_path(target_)));
}

TEST_F(Download, BreaksOffAStalledTransfer) {
  options_.attempts = 1;
  const Status status = fetch("/stall");
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_EQ(fs::file_size(partial_path(target_)), 1000U);
}

TEST_F(Download, AServerThatIsNotThereIsNamed) {
  options_.attempts = 1;
  const Status status = download("http://127.0.0.1:1/model.pt", target_, expected_, options_);
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr("http://127.0.0.1:1/model.pt"));
  EXPECT_FALSE(fs::exists(partial_path(target_))) << "an empty file helps nobody";
}

TEST_F(Download, KeepsWhatArrivedWhenInterrupted) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  options_.progress = [&stop](std::int64_t done, std::int64_t) {
    if (done >= 1000) stop.request_stop();
  };
  EXPECT_EQ(fetch("/stall").code(), StatusCode::Cancelled);
  expect_nothing_under_the_final_name();
  EXPECT_EQ(fs::file_size(partial_path(target_)), 1000U);
}

TEST_F(Download, AFullDiskIsAnOutputError) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};  // write() then fails as on a full disk
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const Status status = fetch("/file");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), StatusCode::OutputFailed);
  expect_nothing_under_the_final_name();
}

TEST_F(Download, RefusesWhileAnotherOneRuns) {
  const int other = open(partial_path(target_).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  const Status status = fetch("/file");
  close(other);
  EXPECT_EQ(status.code(), StatusCode::OutputFailed);
  EXPECT_THAT(status.message(), HasSubstr("another download"));
}

TEST_F(Download, NamesAFolderThatIsMissing) {
  const Status status = download(server_.url("/file"), "/nonexistent-folder/model.pt", expected_, options_);
  EXPECT_EQ(status.code(), StatusCode::OutputFailed);
  EXPECT_THAT(status.message(), HasSubstr("/nonexistent-folder/model.pt"));
}

}  // namespace
}  // namespace facet::models
