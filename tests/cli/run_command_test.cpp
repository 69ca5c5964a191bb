#include "cli/run_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "support/paths.h"

namespace facet::cli {
namespace {

using facet::testing::TemporaryFolder;
using ::testing::HasSubstr;

TEST(RunCommand, ReadsAllThatACommandWrites) {
  const auto said = read_command({"sh", "-c", "echo one; echo two >&2; seq 1000"}, "/", {});
  ASSERT_TRUE(said.ok());
  EXPECT_THAT(*said, ::testing::AllOf(HasSubstr("one\ntwo\n1\n"), HasSubstr("999\n1000\n")));
}

TEST(RunCommand, RunsInTheFolderAndPassesArgumentsAsTheyAre) {
  const TemporaryFolder folder;
  ASSERT_TRUE(run_command({"touch", "a b; $HOME"}, folder.path(), {}).ok());
  EXPECT_TRUE(std::filesystem::exists(folder / "a b; $HOME"));
}

TEST(RunCommand, AFailureCarriesWhatTheProgramSaid) {
  const Status status = run_command({"sh", "-c", "echo the reason >&2; exit 7"}, "/", {});
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_THAT(status.message(), HasSubstr("exit status 7"));
  EXPECT_THAT(status.message(), HasSubstr("the reason"));
}

TEST(RunCommand, AProgramThatIsMissingIsNamed) {
  const Status status = run_command({"no-such-program-anywhere"}, "/", {});
  EXPECT_EQ(status.code(), StatusCode::FetchFailed);
  EXPECT_EQ(status.message(), "no-such-program-anywhere: the program is not installed");
}

TEST(RunCommand, MuchOutputDoesNotBlockIt) {
  EXPECT_TRUE(run_command({"sh", "-c", "yes | head -c 1000000"}, "/", {}).ok());
}

TEST(RunCommand, StopEndsTheProgramAndItsChildren) {
  std::stop_source stop;
  std::jthread stopper([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  const Status status = run_command({"sh", "-c", "sleep 60; true"}, "/", stop.get_token());
  EXPECT_EQ(status.code(), StatusCode::Cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace facet::cli
