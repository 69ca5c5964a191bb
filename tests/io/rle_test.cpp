#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "facet/masks.h"
#include "support/masks.h"
#include "support/paths.h"

namespace facet {
namespace {

using testing::drawing;
using testing::drawn_mask;
using testing::random_mask;

struct PairCounts {
  std::int64_t both = 0;
  std::int64_t either = 0;
};
PairCounts count_pixels(const Bitmap& a, const Bitmap& b) {
  PairCounts counts;
  for (std::size_t i = 0; i < a.bits.size(); ++i) {
    counts.both += a.bits[i] & b.bits[i];
    counts.either += a.bits[i] | b.bits[i];
  }
  return counts;
}

BoxXywh box_by_looking(const Bitmap& mask) {
  int x0 = mask.size.width, y0 = mask.size.height, x1 = -1, y1 = -1;
  for (int y = 0; y < mask.size.height; ++y) {
    for (int x = 0; x < mask.size.width; ++x) {
      if (mask.bits[std::size_t(y) * mask.size.width + x] == 0) continue;
      x0 = std::min(x0, x), x1 = std::max(x1, x), y0 = std::min(y0, y), y1 = std::max(y1, y);
    }
  }
  return x1 < 0 ? BoxXywh{} : BoxXywh{x0, y0, x1 - x0 + 1, y1 - y0 + 1};
}

class RleOfSize : public ::testing::TestWithParam<Size> {};

TEST_P(RleOfSize, RandomMasksComeBackAndMeasureTheSame) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Bitmap a = random_mask(GetParam(), double(seed % 5) * 0.25, seed);
    const Bitmap b = random_mask(GetParam(), 0.4, seed + 1000);
    const Rle runs_a = rle_encode(a);
    const Rle runs_b = rle_encode(b);
    const PairCounts pixels = count_pixels(a, b);
    EXPECT_EQ(rle_decode(runs_a).bits, a.bits);
    EXPECT_EQ(rle_area(runs_a), std::accumulate(a.bits.begin(), a.bits.end(), std::int64_t{0}));
    EXPECT_EQ(rle_bbox(runs_a), box_by_looking(a));
    EXPECT_EQ(rle_intersection(runs_a, runs_b), pixels.both);
    EXPECT_EQ(rle_intersection(runs_b, runs_a), pixels.both);
    EXPECT_DOUBLE_EQ(rle_iou(runs_a, runs_b),
                     pixels.either == 0 ? 0.0 : double(pixels.both) / double(pixels.either));
  }
}

TEST_P(RleOfSize, EveryRunAfterTheFirstHasPixels) {
  const Rle rle = rle_encode(random_mask(GetParam(), 0.5, 7));
  EXPECT_TRUE(std::all_of(rle.counts.begin() + 1, rle.counts.end(), [](auto count) { return count > 0; }));
}

INSTANTIATE_TEST_SUITE_P(Sizes, RleOfSize,
                         ::testing::Values(Size{1, 1}, Size{1, 17}, Size{17, 1}, Size{5, 7}, Size{64, 64},
                                           Size{65, 129}, Size{33, 200}, Size{0, 0}, Size{0, 5}, Size{5, 0}));

TEST(Rle, RunsGoDownTheColumnsAndStartWithZeros) {
  const Rle rle = rle_encode(drawn_mask({"#..", "##.", ".#."}));
  EXPECT_EQ(rle.counts, (std::vector<std::uint32_t>{0, 2, 2, 2, 3}));
}

TEST(Rle, EmptyAndFullMasksAreOneRun) {
  const Rle empty = rle_encode({{4, 6}, std::vector<std::uint8_t>(24, 0)});
  const Rle full = rle_encode({{4, 6}, std::vector<std::uint8_t>(24, 1)});
  EXPECT_EQ(empty.counts, (std::vector<std::uint32_t>{24}));
  EXPECT_EQ(full.counts, (std::vector<std::uint32_t>{0, 24}));
  EXPECT_EQ(rle_bbox(empty), (BoxXywh{}));
  EXPECT_EQ(rle_bbox(full), (BoxXywh{0, 0, 6, 4}));
  EXPECT_EQ(rle_iou(empty, empty), 0.0);
  EXPECT_EQ(rle_iou(full, full), 1.0);
}

TEST(Rle, AnyByteButZeroIsOne) {
  EXPECT_EQ(rle_encode({{1, 3}, {0, 255, 2}}).counts, (std::vector<std::uint32_t>{1, 2}));
}

TEST(Rle, ACropIsThatPartOfThePicture) {
  const Bitmap mask = random_mask({40, 150}, 0.5, 3);
  const Rle rle = rle_encode(mask);
  for (const BoxXywh box : {BoxXywh{0, 0, 150, 40}, BoxXywh{70, 3, 80, 37}, BoxXywh{149, 39, 1, 1},
                            BoxXywh{5, 11, 66, 2}, BoxXywh{150, 40, 0, 0}}) {
    const Bitmap crop = rle_crop(rle, box);
    ASSERT_EQ(crop.size, (Size{box.height, box.width}));
    for (int y = 0; y < box.height; ++y) {
      for (int x = 0; x < box.width; ++x) {
        ASSERT_EQ(crop.bits[std::size_t(y) * box.width + x],
                  mask.bits[std::size_t(y + box.y) * 150 + x + box.x]);
      }
    }
  }
  EXPECT_THROW((void)rle_crop(rle, {100, 0, 51, 40}), ContractError);
  EXPECT_THROW((void)rle_crop(rle, {-1, 0, 5, 5}), ContractError);
}

TEST(Rle, RunsOfLengthZeroChangeNothing) {
  const Result<Rle> odd = rle_from_counts({0, 0, 3, 0, 2, 4, 0, 0, 3}, {3, 4});
  ASSERT_TRUE(odd.ok());
  EXPECT_EQ(drawing(rle_decode(*odd)), (std::vector<std::string>{"..#.", "..#.", ".##."}));
  EXPECT_EQ(rle_bbox(*odd), (BoxXywh{1, 0, 2, 3}));
  EXPECT_EQ(rle_area(*odd), 4);
  EXPECT_EQ(rle_intersection(*odd, rle_encode(rle_decode(*odd))), 4);
}

TEST(Rle, CountsThatDoNotFillThePictureAreRefused) {
  EXPECT_TRUE(rle_from_counts({2, 3, 7}, {3, 4}).ok());
  for (const auto& counts : {std::vector<std::uint32_t>{2, 3, 6}, {2, 3, 8}, {}, {4294967295U, 13}}) {
    const Result<Rle> rle = rle_from_counts(counts, {3, 4});
    ASSERT_FALSE(rle.ok());
    EXPECT_EQ(rle.status().code(), StatusCode::BadPrompt);
    EXPECT_NE(rle.status().message().find("4 x 3"), std::string::npos);
  }
  EXPECT_FALSE(rle_from_counts({0}, {-1, 4}).ok());
  EXPECT_FALSE(rle_from_counts({0}, {2147483647, 2147483647}).ok());
}

TEST(Rle, MasksOfDifferentPicturesDoNotIntersect) {
  EXPECT_THROW((void)rle_intersection(rle_encode(random_mask({2, 3}, 0.5, 1)),
                                      rle_encode(random_mask({3, 2}, 0.5, 1))),
               ContractError);
}

TEST(Rle, ABrokenRleIsNeverDecoded) {
  EXPECT_THROW((void)rle_decode({{2, 2}, {1, 2}}), ContractError);
  EXPECT_THROW((void)rle_decode({{2, 2}, {1, 2, 9}}), ContractError);
  EXPECT_THROW((void)rle_bbox({{0, 2}, {1, 2}}), ContractError);
}

TEST(Rle, TheReferencesMasksHaveTheReferencesAreasAndBoxes) {
  FACET_REQUIRE_SHARED("goldens/amg_mobile_sam_dog.json");
  std::ifstream stream(testing::shared_path("goldens/amg_mobile_sam_dog.json"));
  const nlohmann::json golden = nlohmann::json::parse(stream);
  const Size size{golden["height"], golden["width"]};
  ASSERT_FALSE(golden["masks"].empty());
  for (const nlohmann::json& mask : golden["masks"]) {
    const Result<Rle> rle = rle_from_counts(mask["rle"].get<std::vector<std::uint32_t>>(), size);
    ASSERT_TRUE(rle.ok()) << rle.status().message();
    EXPECT_EQ(rle_area(*rle), mask["area"].get<std::int64_t>());
    const auto box = mask["bbox"].get<std::vector<int>>();  // the reference counts from centre to centre
    EXPECT_EQ(rle_bbox(*rle), (BoxXywh{box[0], box[1], box[2] + 1, box[3] + 1}));
    EXPECT_EQ(rle_encode(rle_decode(*rle)), *rle);
  }
}

}  // namespace
}  // namespace facet
