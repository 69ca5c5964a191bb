#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "fuzz/entry_checks.h"
#include "fuzz/format_checks.h"
#include "fuzz/request_checks.h"
#include "support/paths.h"

namespace facet::fuzz {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Runs `check` on every file of a corpus, and on each of its beginnings.
void replay(const std::string& corpus, void (*check)(std::string_view)) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::source_path("tests/fuzz/corpus/" + corpus))) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = read_file(entry.path());
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
      // In memory of its own, so that a sanitizer sees a read past the end.
      const std::string beginning = bytes.substr(0, length);
      check(beginning);
    }
    ++files;
  }
  EXPECT_GT(files, 0);
}

// A check that fails aborts the program: that is how the fuzz targets report.
TEST(Corpus, RunLengthsHoldWhatTheFuzzTargetAsks) { replay("rle", check_rle); }
TEST(Corpus, PictureHeadersHoldWhatTheFuzzTargetAsks) { replay("picture_header", check_picture_header); }
TEST(Corpus, FormsHoldWhatTheFuzzTargetAsks) { replay("multipart", check_multipart); }
TEST(Corpus, Base64HoldsWhatTheFuzzTargetAsks) { replay("base64", check_base64); }
TEST(Corpus, RequestsHoldWhatTheFuzzTargetAsks) { replay("request_json", check_request_json); }
TEST(Corpus, CacheEntriesHoldWhatTheFuzzTargetAsks) { replay("embedding_entry", check_embedding_entry); }

}  // namespace
}  // namespace facet::fuzz
