#include "cli/peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "cli/captured_io.h"
#include "cli/run_command.h"
#include "support/paths.h"

namespace facet::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PeerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!run_command({"node", "--version"}, "/", {}).ok()) GTEST_SKIP() << "node is not installed";
  }
  void write(const std::filesystem::path& name, const std::string& text) const {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
  testing::TemporaryFolder folder;
  Io io;
};

TEST_F(PeerTest, AllThatIsMissingIsNamedAtOnce) {
  const auto peer = find_peer(folder.path(), "", "mobile_sam");
  ASSERT_FALSE(peer.ok());
  EXPECT_EQ(peer.status().code(), StatusCode::Usage);
  for (const char* part : {"encode.mjs", "onnxruntime-node (npm install", "encoder.onnx (npm pack"}) {
    EXPECT_THAT(peer.status().message(), HasSubstr(part));
  }
  EXPECT_THAT(peer.status().message(), Not(HasSubstr("the program node")));
  EXPECT_THAT(find_peer(folder.path(), "", "sam_vit_b").status().message(), HasSubstr("--peer-model"));
}

TEST_F(PeerTest, ATurnIsReadFromBetweenOtherWords) {
  write("encode.mjs",
        "console.log('warning: {'.slice(0, 8)); console.log(JSON.stringify({version: '1', "
        "runs_ms: [3, 1, 2], peak_rss_bytes: 5, seen: process.argv.slice(2)}));\n");
  write("node_modules/onnxruntime-node/package.json", "{}");
  write("package/dist/encoder.onnx", "");
  const auto peer = find_peer(folder.path(), "", "mobile_sam");
  ASSERT_TRUE(peer.ok()) << peer.status().message();
  const auto turn = run_peer(*peer, 2, 3, io);
  ASSERT_TRUE(turn.ok()) << turn.status().message();
  EXPECT_EQ(turn->version, "1");
  EXPECT_EQ(turn->times.median(), 2);
  EXPECT_EQ(turn->peak_bytes, 5);
}

TEST_F(PeerTest, AnotherAnswerIsAnError) {
  for (const char* answer :
       {"", "no document", "{\"version\": 1}", "{\"runs_ms\": [\"a\"]}", "{\"runs_ms\": ["}) {
    write("encode.mjs", "console.log(`" + std::string(answer) + "`);\n");
    const auto turn = run_peer({folder.path(), "x.onnx"}, 1, 1, io);
    ASSERT_FALSE(turn.ok()) << answer;
    EXPECT_THAT(turn.status().message(), HasSubstr("expected one JSON document"));
  }
  write("encode.mjs", "console.error('it broke'); process.exit(3);\n");
  EXPECT_THAT(run_peer({folder.path(), "x.onnx"}, 1, 1, io).status().message(), HasSubstr("it broke"));
}

}  // namespace
}  // namespace facet::cli
