#include "segment/outputs/csv_table.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/masks.h"

namespace facet::segment {
namespace {

MaskRecord block() {
  return make_mask_record(rle_encode(testing::drawn_mask({"....", ".##.", ".##."})), 0.875F);
}

TEST(CsvTable, WritesAreaAndBoxAndLeavesTheUnknownEmpty) {
  EXPECT_EQ(csv_rows({"a.png", {3, 4}, {block()}}), "a.png,0,,4,1,1,2,2,0.875,,,,,,,\r\n");
}

TEST(CsvTable, WritesAllThatIsKnown) {
  MaskRecord mask = block();
  mask.label = "grain";
  mask.stability_score = 0.5F;
  mask.point = Point{1.5F, 2};
  mask.crop_box = BoxXywh{0, 0, 4, 3};
  EXPECT_EQ(csv_rows({"a.png", {3, 4}, {mask}}), "a.png,0,grain,4,1,1,2,2,0.875,0.5,1.5,2,0,0,4,3\r\n");
}

TEST(CsvTable, QuotesWhatWouldBreakALine) {
  MaskRecord mask = block();
  mask.label = "two\r\nlines";
  EXPECT_EQ(csv_rows({"a \"b\",c.png", {3, 4}, {mask}}),
            "\"a \"\"b\"\",c.png\",0,\"two\r\nlines\",4,1,1,2,2,0.875,,,,,,,\r\n");
}

TEST(CsvTable, RowsHaveAsManyFieldsAsTheHeader) {
  const std::string header = csv_header();
  const std::string row = csv_rows({"a.png", {3, 4}, {block()}});
  EXPECT_EQ(std::count(header.begin(), header.end(), ','), std::count(row.begin(), row.end(), ','));
  EXPECT_EQ(header.substr(header.size() - 2), "\r\n");
}

TEST(CsvTable, APictureWithoutMasksHasNoRows) { EXPECT_EQ(csv_rows({"a.png", {3, 4}, {}}), ""); }

}  // namespace
}  // namespace facet::segment
