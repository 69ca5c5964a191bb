#include "cli/human_text.h"

#include <gtest/gtest.h>

namespace facet::cli {
namespace {

TEST(HumanText, BytesHaveThreeDigitsAndADecimalUnit) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(40728226), "40.7 MB");
  EXPECT_EQ(human_bytes(999949), "1.00 MB");
  EXPECT_EQ(human_bytes(2564550879.0), "2.56 GB");
}

TEST(HumanText, DurationsReadAsOnAClock) {
  EXPECT_EQ(human_duration(std::chrono::seconds(7)), "0:07");
  EXPECT_EQ(human_duration(std::chrono::seconds(750)), "12:30");
  EXPECT_EQ(human_duration(std::chrono::seconds(3723)), "1:02:03");
}

TEST(HumanText, TableColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(human_table({{"A", "LONG", "C"}, {"xyz", "b", ""}}), "A    LONG  C\nxyz  b\n");
}

TEST(HumanText, ControlCharactersDoNotReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2J\nb\x7f"), "a?[2J?b?");
  EXPECT_EQ(printable("naïve"), "naïve");
}

}  // namespace
}  // namespace facet::cli
