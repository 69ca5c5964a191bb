#include "io/exif.h"

#include <gtest/gtest.h>

#include <vector>

namespace facet::io {
namespace {

using Bytes = std::vector<std::uint8_t>;

const Bytes kLittle = {'I',  'I', 42, 0, 8, 0, 0, 0, 2,   0,            // two entries
                       0x0F, 1,   2,  0, 4, 0, 0, 0, 'a', 'b', 'c', 0,  // the camera's maker
                       0x12, 1,   3,  0, 1, 0, 0, 0, 6,   0,   0,   0, 0, 0, 0, 0};
const Bytes kBig = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0};

TEST(ExifOrientation, ReadsBothByteOrdersAndSkipsOtherEntries) {
  EXPECT_EQ(exif_orientation(kLittle), 6);
  EXPECT_EQ(exif_orientation(kBig), 8);
}

TEST(ExifOrientation, AcceptsTheJpegPrefix) {
  Bytes block = {'E', 'x', 'i', 'f', 0, 0};
  block.insert(block.end(), kBig.begin(), kBig.end());
  EXPECT_EQ(exif_orientation(block), 8);
}

TEST(ExifOrientation, IsOneWhereTheBlockEndsEarly) {
  for (std::size_t size = 0; size <= 30; ++size) {  // the value ends at byte 32
    EXPECT_EQ(exif_orientation(std::span(kLittle).first(size)), 1) << size;
  }
}

TEST(ExifOrientation, IsOneForValuesAndTypesThatDoNotExist) {
  Bytes block = kBig;
  block[19] = 9;
  EXPECT_EQ(exif_orientation(block), 1);
  block[19] = 0;
  EXPECT_EQ(exif_orientation(block), 1);
  block = kBig;
  block[13] = 4;  // a long
  EXPECT_EQ(exif_orientation(block), 1);
  block = kBig;
  block[4] = 0xFF;  // the directory lies far outside
  EXPECT_EQ(exif_orientation(block), 1);
  block = kBig;
  block[3] = 43;
  EXPECT_EQ(exif_orientation(block), 1);
}

}  // namespace
}  // namespace facet::io
