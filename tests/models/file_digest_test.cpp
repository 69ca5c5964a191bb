#include "models/file_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/paths.h"

namespace facet::models {
namespace {

using facet::testing::TemporaryFolder;
using ::testing::HasSubstr;

constexpr std::string_view kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(FileDigest, IsSha256) {
  const TemporaryFolder folder;
  std::ofstream(folder / "abc") << "abc";
  EXPECT_EQ(sha256_of_file(folder / "abc").value(), kAbc);
  std::ofstream(folder / "empty").flush();
  EXPECT_EQ(sha256_of_file(folder / "empty").value(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(FileDigest, IsCrc32c) {
  const TemporaryFolder folder;
  std::ofstream(folder / "digits") << "123456789";
  EXPECT_EQ(crc32c_of_file(folder / "digits").value(), "e3069283") << "the check value of CRC-32C";
  EXPECT_TRUE(check_file(folder / "digits", {.name = "digits", .size_bytes = 9, .crc32c = "e3069283"}).ok());
  const Status wrong =
      check_file(folder / "digits", {.name = "digits", .size_bytes = 9, .crc32c = "e3069284"});
  EXPECT_THAT(wrong.message(), HasSubstr("expected CRC-32C e3069284, found e3069283"));
}

TEST(FileDigest, CheckSaysWhatWasExpectedAndFound) {
  const TemporaryFolder folder;
  std::ofstream(folder / "abc") << "abc";
  EXPECT_TRUE(check_file(folder / "abc", {"abc", 3, kAbc}).ok());
  const Status size = check_file(folder / "abc", {"abc", 4, kAbc});
  EXPECT_EQ(size.code(), StatusCode::FetchFailed);
  EXPECT_THAT(size.message(), HasSubstr("expected 4 bytes, found 3"));
  std::ofstream(folder / "abc") << "abd";
  const Status digest = check_file(folder / "abc", {"abc", 3, kAbc});
  EXPECT_EQ(digest.code(), StatusCode::FetchFailed);
  EXPECT_THAT(digest.message(), HasSubstr("expected SHA-256 ba7816bf"));
  EXPECT_THAT(digest.message(), HasSubstr("found a52d159f"));
}

TEST(FileDigest, NamesAFileThatIsMissing) {
  EXPECT_THAT(sha256_of_file("/nonexistent-folder/x").status().message(), HasSubstr("/nonexistent-folder/x"));
  EXPECT_EQ(check_file("/nonexistent-folder/x", {"x", 1, kAbc}).code(), StatusCode::FetchFailed);
}

TEST(FileDigest, StopsWhenAsked) {
  const TemporaryFolder folder;
  std::ofstream(folder / "abc") << "abc";
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(sha256_of_file(folder / "abc", stop.get_token()).status().code(), StatusCode::Cancelled);
}

}  // namespace
}  // namespace facet::models
