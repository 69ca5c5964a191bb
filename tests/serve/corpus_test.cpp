#include <gtest/gtest.h>

#include <filesystem>

#include "e2e/facet_program.h"
#include "fuzz/request_checks.h"
#include "support/paths.h"

namespace facet::serve_tests {
namespace {

/// Runs `check` on every file of a corpus, and on each of its beginnings.
void replay(const std::string& corpus, void (*check)(std::string_view)) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::source_path("tests/fuzz/corpus/" + corpus))) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = e2e::read_file(entry.path());
    for (std::size_t length = 0; length <= bytes.size(); ++length)
      check(std::string_view(bytes).substr(0, length));
    ++files;
  }
  EXPECT_GT(files, 0);
}

// A check that fails aborts the program: that is how the fuzz targets report.
TEST(Corpus, FormsHoldWhatTheFuzzTargetAsks) { replay("multipart", fuzz::check_multipart); }
TEST(Corpus, Base64HoldsWhatTheFuzzTargetAsks) { replay("base64", fuzz::check_base64); }
TEST(Corpus, RequestsHoldWhatTheFuzzTargetAsks) { replay("request_json", fuzz::check_request_json); }

}  // namespace
}  // namespace facet::serve_tests
