#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "e2e/facet_program.h"

namespace facet::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

/// A machine without a network: the proxy does not answer, and `npm` is a script of the test's own.
class PullCommand : public ::testing::Test {
 protected:
  void play_npm(const std::string& script) {
    write_file(folder_ / "bin/npm", "#!/bin/sh\n" + script + "\n");
    fs::permissions(folder_ / "bin/npm", fs::perms::owner_all);
  }
  RunResult pull(const std::string& name, std::function<bool()> interrupt_when = nullptr) {
    const std::string path = std::getenv("PATH");
    return run_facet({"pull", name, "--model-dir", (folder_ / "models").string()},
                     {.environment = {"https_proxy=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1",
                                      "PATH=" + (folder_ / "bin").string() + ":" + path},
                      .interrupt_when = std::move(interrupt_when)});
  }
  TemporaryFolder folder_;
};

TEST_F(PullCommand, WithoutANetworkItIsFiveAndNamesTheAddress) {
  const RunResult run = pull("sam_vit_b");
  EXPECT_EQ(run.status, 5);
  EXPECT_THAT(run.error, HasSubstr("dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth"));
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(files_under(folder_ / "models"), IsEmpty());
}

TEST_F(PullCommand, TellsWhyThePackageFailedToo) {
  play_npm("echo registry is on fire >&2; exit 1");
  const RunResult run = pull("mobile_sam");
  EXPECT_EQ(run.status, 5);
  EXPECT_THAT(run.error, HasSubstr("github.com"));
  EXPECT_THAT(run.error, HasSubstr("registry is on fire"));
  EXPECT_THAT(files_under(folder_ / "models"), IsEmpty());
}

TEST_F(PullCommand, CtrlCWhileNpmRunsLeavesNothing) {
  play_npm("touch '" + (folder_ / "started").string() + "'; sleep 60; true");
  const RunResult run = pull("mobile_sam", [this] { return fs::exists(folder_ / "started"); });
  EXPECT_EQ(run.status, 130);
  EXPECT_THAT(files_under(folder_ / "models"), IsEmpty());
}

}  // namespace
}  // namespace facet::e2e
