#include "cli/exit_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>

#include "captured_io.h"

namespace facet::cli {
namespace {

using ::testing::HasSubstr;

template <typename Error>
int report_thrown(const Error& error, Io& io) {
  try {
    throw error;  // NOLINT(misc-throw-by-value-catch-by-reference): the test plays any thrower
  } catch (...) {
    return report_exception(io);
  }
}

TEST(ExitStatus, EveryCodeGivesTheStatusOfTheTable) {
  for (int code = 0; code <= static_cast<int>(StatusCode::Internal); ++code) {
    CapturedIo captured;
    const Status status(static_cast<StatusCode>(code), "the reason");
    EXPECT_EQ(report(status, captured.io), status_row(status.code()).exit_status);
    EXPECT_EQ(captured.error().empty(), status.ok());
    EXPECT_EQ(captured.out(), "");
  }
}

TEST(ExitStatus, AStatusInAnExceptionKeepsItsCode) {
  CapturedIo captured;
  EXPECT_EQ(report_thrown(StatusError({StatusCode::BadPicture, "not a picture"}), captured.io), 3);
  EXPECT_EQ(captured.error(), "facet: not a picture\n");
}

TEST(ExitStatus, NoMemoryIsFive) {
  CapturedIo captured;
  EXPECT_EQ(report_thrown(std::bad_alloc(), captured.io), 5);
  EXPECT_THAT(captured.error(), HasSubstr("memory"));
}

TEST(ExitStatus, ABrokenContractIsOurBug) {
  CapturedIo captured;
  EXPECT_EQ(report_thrown(ContractError("D=255"), captured.io), 1);
  EXPECT_EQ(captured.error(), "facet: this is a bug in facet: D=255\n");
}

TEST(ExitStatus, AnythingElseThatIsThrownIsOurBug) {
  CapturedIo captured;
  EXPECT_EQ(report_thrown(std::runtime_error("surprise"), captured.io), 1);
  EXPECT_EQ(report_thrown(42, captured.io), 1);
}

}  // namespace
}  // namespace facet::cli
