#include "io/orientation.h"

#include <gtest/gtest.h>

#include "core/check.h"

namespace facet::io {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Stored    1 2 3      the letter reads upright after turning; expectations written out by hand
//           4 5 6
const Bytes kStored = {1, 2, 3, 4, 5, 6};
constexpr Size kStoredSize{2, 3};

TEST(Orientation, AllEightTurnAsExifSays) {
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 1), kStored);
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 2), (Bytes{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 3), (Bytes{6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 4), (Bytes{4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 5), (Bytes{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 6), (Bytes{4, 1, 5, 2, 6, 3}));
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 7), (Bytes{6, 3, 5, 2, 4, 1}));
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 8), (Bytes{3, 6, 2, 5, 1, 4}));
}

TEST(Orientation, ExchangesSidesFromFiveOn) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(oriented_size(kStoredSize, orientation), (orientation < 5 ? Size{2, 3} : Size{3, 2}))
        << orientation;
  }
}

TEST(Orientation, MovesWholePixels) {
  EXPECT_EQ(apply_orientation({1, 2, 3, 4, 5, 6}, {1, 2}, 3, 2), (Bytes{4, 5, 6, 1, 2, 3}));
}

TEST(Orientation, LeavesUnknownValuesAndEmptyPicturesAlone) {
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 0), kStored);
  EXPECT_EQ(apply_orientation(kStored, kStoredSize, 1, 9), kStored);
  EXPECT_TRUE(apply_orientation({}, {0, 0}, 3, 6).empty());
  EXPECT_THROW((void)apply_orientation(kStored, {2, 2}, 1, 6), ContractError);
}

}  // namespace
}  // namespace facet::io
