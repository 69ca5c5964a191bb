#include "segment/outputs/label_image.h"

#include <gtest/gtest.h>

#include "support/masks.h"

namespace facet::segment {
namespace {

using testing::drawn_mask;

MaskRecord record(const std::vector<std::string>& rows) {
  return make_mask_record(rle_encode(drawn_mask(rows)));
}

TEST(LabelImage, SmallMasksLieOnLargeOnes) {
  const std::vector<MaskRecord> masks = {record({".#..", "...."}), record({"###.", "###."}),
                                         record({"..##", "...."})};
  const auto labels = label_image({2, 4}, masks);
  ASSERT_TRUE(labels.ok());
  EXPECT_EQ(*labels, (std::vector<std::uint16_t>{2, 1, 3, 3, 2, 2, 2, 0}));
}

TEST(LabelImage, OfEqualMasksTheLastIsSeen) {
  const std::vector<MaskRecord> masks = {record({"##"}), record({"##"})};
  EXPECT_EQ(*label_image({1, 2}, masks), (std::vector<std::uint16_t>{2, 2}));
}

TEST(LabelImage, EveryPixelShowsItsSmallestMask) {
  const Size size{70, 45};
  std::vector<MaskRecord> masks;
  std::vector<Bitmap> bitmaps;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    bitmaps.push_back(testing::random_mask(size, 0.1 + 0.12 * double(seed), seed));
    masks.push_back(make_mask_record(rle_encode(bitmaps.back())));
  }
  const std::vector<std::uint32_t> seen = visible_masks(size, masks);
  for (std::size_t pixel = 0; pixel < seen.size(); ++pixel) {
    std::uint32_t expected = 0;
    for (std::size_t i = 0; i < masks.size(); ++i) {
      if (bitmaps[i].bits[pixel] == 0) continue;
      if (expected == 0 || masks[i].area <= masks[expected - 1].area) expected = std::uint32_t(i + 1);
    }
    ASSERT_EQ(seen[pixel], expected) << pixel;
  }
}

TEST(LabelImage, MoreMasksThanSixteenBitsCountAreRefused) {
  std::vector<MaskRecord> masks(65535, record({"."}));
  masks.back() = record({"#"});
  const auto labels = label_image({1, 1}, masks);
  ASSERT_TRUE(labels.ok());
  EXPECT_EQ(labels->front(), 65535);
  masks.push_back(record({"#"}));
  EXPECT_EQ(label_image({1, 1}, masks).status().code(), StatusCode::OutputFailed);
  EXPECT_NE(label_image({1, 1}, masks).status().message().find("65536"), std::string::npos);
}

TEST(LabelImage, AMaskOfAnotherPictureIsABug) {
  const std::vector<MaskRecord> masks = {record({"##"})};
  EXPECT_THROW((void)label_image({2, 1}, masks), ContractError);
}

}  // namespace
}  // namespace facet::segment
