#include "cli/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "captured_io.h"

namespace facet::cli {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProgressLine, ShowsShareAmountRateAndTimeLeft) {
  const ProgressState state{.label = "model",
                            .unit = ProgressUnit::Bytes,
                            .done = 20'000'000,
                            .total = 40'000'000,
                            .rate = 5'000'000};
  EXPECT_EQ(render_progress(state, 79),
            "model  [###########...........]   50%  20.0 MB of 40.0 MB  5.00 MB/s  0:04 left");
}

TEST(ProgressLine, NeverIsWiderThanTheTerminal) {
  const ProgressState state{.label = "a-rather-long-label", .done = 3, .total = 9, .rate = 0.5};
  for (int width = 0; width < 120; ++width) {
    EXPECT_LE(render_progress(state, width).size(), static_cast<std::size_t>(width));
  }
}

TEST(ProgressLine, AnUnknownTotalGivesTheAmountAlone) {
  EXPECT_EQ(render_progress({.label = "x", .done = 3}, 40), "x  3");
}

class ProgressBarOnATerminal : public ::testing::Test {
 protected:
  ProgressBarOnATerminal() {
    captured_.io.error_is_terminal = true;
    captured_.io.now = [this] { return now_; };
  }
  CapturedIo captured_;
  std::chrono::steady_clock::time_point now_;
};

TEST_F(ProgressBarOnATerminal, WipesItsLineAtTheEnd) {
  { ProgressBar(captured_.io, "label", ProgressUnit::Items).update(1, 2); }
  EXPECT_THAT(captured_.error(), EndsWith("\r\x1b[K"));
}

TEST_F(ProgressBarOnATerminal, DrawsAtMostTenTimesASecond) {
  ProgressBar bar(captured_.io, "label", ProgressUnit::Items);
  for (int i = 0; i < 100; ++i) {
    bar.update(i, 1000);
    now_ += milliseconds(10);
  }
  const std::string text = captured_.error();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 10);
}

TEST_F(ProgressBarOnATerminal, WhatWasDoneBeforeDoesNotCountAsRate) {
  ProgressBar bar(captured_.io, "label", ProgressUnit::Items);
  bar.update(1000, 2000);
  now_ += milliseconds(10'000);
  bar.update(1010, 2000);
  EXPECT_THAT(captured_.error(), HasSubstr("1/s  16:30 left"));
}

TEST(ProgressBar, DrawsNothingWhereNobodyLooks) {
  CapturedIo captured;
  {
    ProgressBar bar(captured.io, "label", ProgressUnit::Items);
    bar.update(1, 2);
    bar.update(2, 2);
  }
  EXPECT_EQ(captured.error(), "");
}

}  // namespace
}  // namespace facet::cli
