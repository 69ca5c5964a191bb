#include "facet/status.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/check.h"

namespace facet {
namespace {

TEST(Status, EveryCodeHasAnExitStatusAndAnHttpStatus) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(StatusCode::Internal); ++code) {
    const StatusRow& row = status_row(static_cast<StatusCode>(code));
    EXPECT_TRUE(names.insert(std::string(row.name)).second) << row.name;
    EXPECT_EQ(row.exit_status == 0, row.code == StatusCode::Ok);
    EXPECT_EQ(row.http_status < 400, row.code == StatusCode::Ok);
  }
  EXPECT_THROW((void)status_row(static_cast<StatusCode>(99)), ContractError);
}

TEST(Status, ExitStatusesAreTheDocumentedOnes) {
  EXPECT_EQ(status_row(StatusCode::Internal).exit_status, 1);
  EXPECT_EQ(status_row(StatusCode::Usage).exit_status, 2);
  EXPECT_EQ(status_row(StatusCode::BadPicture).exit_status, 3);
  EXPECT_EQ(status_row(StatusCode::BadPrompt).exit_status, 3);
  EXPECT_EQ(status_row(StatusCode::BadModel).exit_status, 4);
  EXPECT_EQ(status_row(StatusCode::OutOfMemory).exit_status, 5);
  EXPECT_EQ(status_row(StatusCode::DeviceFailed).exit_status, 5);
}

TEST(Status, ContextGoesBeforeTheMessage) {
  const Status status(StatusCode::BadModel, "no tensors");
  EXPECT_EQ(status.with_context("a.pt").message(), "a.pt: no tensors");
  EXPECT_TRUE(Status().with_context("a.pt").ok());
}

Result<int> half_of(int value) {
  if (value % 2 != 0) return Status(StatusCode::Usage, "odd");
  return value / 2;
}

Result<int> quarter_of(int value) {
  FACET_ASSIGN_OR_RETURN(const int half, half_of(value));
  return half_of(half);
}

TEST(Result, CarriesTheValueOrTheReason) {
  EXPECT_EQ(quarter_of(8).value(), 2);
  EXPECT_EQ(quarter_of(6).status().message(), "odd");
  EXPECT_EQ(quarter_of(3).status().code(), StatusCode::Usage);
}

TEST(Check, SaysConditionMessageAndPlace) {
  try {
    FACET_CHECK(1 + 1 == 3, "arithmetic");
    FAIL();
  } catch (const ContractError& error) {
    EXPECT_NE(std::string(error.what()).find("arithmetic"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("status_test.cpp"), std::string::npos);
  }
}

}  // namespace
}  // namespace facet
