#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "e2e/facet_program.h"

namespace facet::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

TEST(Program, HelpGoesToStandardOutput) {
  const RunResult run = run_facet({"--help"});
  EXPECT_EQ(run.status, 0);
  EXPECT_THAT(run.error, IsEmpty());
  for (const char* command :
       {"predict", "everything", "pull", "models", "info", "convert", "verify", "bench", "version"}) {
    EXPECT_THAT(run.out, HasSubstr(command));
    const RunResult help = run_facet({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_THAT(help.out, HasSubstr("Examples:\n  facet " + std::string(command)));
  }
}

TEST(Program, UsageErrorsAreTwoAndPrintNoResult) {
  const std::vector<std::vector<std::string>> lines = {{},
                                                       {"segment"},
                                                       {"models", "--bogus"},
                                                       {"pull"},
                                                       {"pull", "sam_vit_x"},
                                                       {"convert", "a.pt"},
                                                       {"convert", "a.pt", "b.pth"}};
  for (const auto& line : lines) {
    const RunResult run = run_facet(line);
    EXPECT_EQ(run.status, 2) << ::testing::PrintToString(line);
    EXPECT_THAT(run.out, IsEmpty()) << ::testing::PrintToString(line);
    EXPECT_THAT(run.error, ::testing::StartsWith("facet: ")) << ::testing::PrintToString(line);
  }
}

TEST(Program, AnUnknownCommandIsToldTheKnownOnes) {
  EXPECT_THAT(run_facet({"segment"}).error, HasSubstr("no command 'segment': expected one of predict"));
}

TEST(Program, VersionIsOneDocument) {
  const Json document = Json::parse(run_facet({"version", "--json"}).out);
  for (const char* key : {"version", "build_type", "compiler", "onednn", "cpu", "threads"}) {
    EXPECT_TRUE(document.contains(key)) << key;
  }
  EXPECT_EQ(run_facet({"--version"}).out, "facet " + document["version"].get<std::string>() + "\n");
}

TEST(Program, CompletionKnowsEveryCommandAndItsOptions) {
  const std::string bash = run_facet({"completion", "bash"}).out;
  EXPECT_THAT(bash, HasSubstr("words='predict everything "));
  EXPECT_THAT(bash, ::testing::ContainsRegex("bench\\) words='[^']*--everything"));
  EXPECT_THAT(run_facet({"completion", "zsh"}).out, HasSubstr("bashcompinit"));
  EXPECT_THAT(run_facet({"completion", "fish"}).out,
              HasSubstr("__fish_seen_subcommand_from verify' -l goldens"));
  EXPECT_EQ(run_facet({"completion", "tcsh"}).status, 2);
}

TEST(Program, AResultThatCannotBeWrittenIsAnError) {
  const testing::TemporaryFolder folder;
  const RunResult run = run_facet({"models"}, {.max_file_bytes = 10});
  EXPECT_EQ(run.status, 5);
}

TEST(Program, ModelFolderComesFromOptionVariableOrCache) {
  const testing::TemporaryFolder folder;
  const auto model_folder = [](const std::vector<std::string>& more,
                               const std::vector<std::string>& environment) {
    std::vector<std::string> line = {"models", "--json"};
    line.insert(line.end(), more.begin(), more.end());
    return Json::parse(run_facet(line, {.environment = environment}).out)["folder"].get<std::string>();
  };
  EXPECT_EQ(model_folder({"--model-dir", "/a"}, {"FACET_MODEL_DIR=/b"}), "/a");
  EXPECT_EQ(model_folder({}, {"FACET_MODEL_DIR=/b", "XDG_CACHE_HOME=/c"}), "/b");
  EXPECT_EQ(model_folder({}, {"FACET_MODEL_DIR=", "XDG_CACHE_HOME=/c"}), "/c/facet/models");
  EXPECT_EQ(model_folder({}, {"FACET_MODEL_DIR=", "XDG_CACHE_HOME=", "HOME=/d"}), "/d/.cache/facet/models");
}

}  // namespace
}  // namespace facet::e2e
