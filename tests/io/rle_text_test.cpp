#include <gtest/gtest.h>

#include "facet/masks.h"
#include "support/masks.h"

namespace facet {
namespace {

using testing::drawn_mask;
using testing::random_mask;

Bitmap disc_with_hole() {
  Bitmap mask{{48, 64}, std::vector<std::uint8_t>(48 * 64)};
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 64; ++x) {
      const int distance = (x - 30) * (x - 30) + (y - 20) * (y - 20);
      mask.bits[std::size_t(y) * 64 + x] = distance < 200 && distance >= 30 ? 1 : 0;
    }
  }
  return mask;
}

struct Known {
  Rle rle;
  std::string text;  // what pycocotools writes for it
};
std::vector<Known> known_texts() {
  return {
      {rle_encode({{4, 6}, std::vector<std::uint8_t>(24, 0)}), "h0"},
      {rle_encode({{3, 4}, std::vector<std::uint8_t>(12, 1)}), "0<"},
      {rle_encode(drawn_mask({".....", ".....", ".###.", ".###.", ".###.", ".....", "....."})), "9340005"},
      {rle_encode(drawn_mask({".#.#.", "#.#.#", ".#.#.", "#.#.#", ".#.#."})), "1110000000000000000000000"},
      {rle_encode(disc_with_hole()),
       "ch03Y18J4M2N2N2N2N2O0OB_O0`0OB0>OD0<OF091G080H080H09OG0:1D0<1B0>1@0a0>101N2N2N2N2N3L6HQl0"},
      {{{40000, 50000}, {0, 7, 1999999993}}, "07ioT[ck1"},
      {{{10, 10}, {3, 0, 2, 95}}, "302o2"},
  };
}

TEST(RleText, IsTheTextOfPycocotools) {
  for (const Known& known : known_texts()) EXPECT_EQ(rle_to_string(known.rle), known.text);
}

TEST(RleText, TheTextOfPycocotoolsIsRead) {
  for (const Known& known : known_texts()) {
    const Result<Rle> rle = rle_from_string(known.text, known.rle.size);
    ASSERT_TRUE(rle.ok()) << rle.status().message();
    EXPECT_EQ(*rle, known.rle);
  }
}

TEST(RleText, RandomMasksComeBack) {
  for (const Size size : {Size{1, 1}, Size{1, 40}, Size{40, 1}, Size{31, 57}, Size{300, 200}}) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const Rle rle = rle_encode(random_mask(size, 0.1 * double(seed), seed));
      const Result<Rle> read = rle_from_string(rle_to_string(rle), size);
      ASSERT_TRUE(read.ok()) << read.status().message();
      EXPECT_EQ(*read, rle);
    }
  }
}

TEST(RleText, TheLargestCountsComeBack) {
  const Size size{65535, 65537};  // 2^32 - 1 pixels
  for (const std::vector<std::uint32_t>& counts :
       {std::vector<std::uint32_t>{4294967295U}, {0, 4294967295U}, {0, 0, 0, 4294967295U, 0, 0, 0}}) {
    const Result<Rle> read = rle_from_string(rle_to_string({size, counts}), size);
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read->counts, counts);
  }
}

TEST(RleText, ABrokenTextIsRefusedWithItsPlace) {
  struct Case {
    std::string text;
    std::string complaint;
  };
  for (const Case& hostile : std::vector<Case>{
           {"9340005 ", "character 7: expected one of"},
           {"/", "character 0: expected one of"},
           {"p", "character 0: expected one of"},
           {std::string("9\0004", 3), "character 1: expected one of"},
           {"\xff\xfe", "character 0: expected one of"},
           {"934000o", "character 7: the text ends within a number"},
           {"oooooooooooooooo0", "expected a number of at most 7 characters"},
           {"O", "character 0: expected a length from 0"},        // -1
           {"9340O", ""},                                         // 4 - 1 = 3, but does not fill the picture
           {"934H", "character 3: expected a length from 0"},     // 3 - 8
           {"ooooooO", "expected a length from 0"},               // negative in seven characters
           {"oooooo?", "character 0: expected a length from 0"},  // 2^34 - 1
           {"", "expected a sum of 35, found 0"},
           {"93", "expected a sum of 35, found 12"},
           {"9340006", "expected a sum of 35, found 36"},
       }) {
    const Result<Rle> rle = rle_from_string(hostile.text, {7, 5});
    ASSERT_FALSE(rle.ok()) << hostile.text;
    EXPECT_EQ(rle.status().code(), StatusCode::BadPrompt);
    EXPECT_NE(rle.status().message().find(hostile.complaint), std::string::npos) << rle.status().message();
  }
}

TEST(RleText, EveryByteInEveryPlaceIsReadOrRefused) {
  const std::string text = "9340005";
  for (std::size_t place = 0; place < text.size(); ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[place] = char(byte);
      const Result<Rle> rle = rle_from_string(changed, {7, 5});
      if (rle.ok()) {
        EXPECT_EQ(rle_decode(*rle).bits.size(), 35U);
      }
    }
  }
}

}  // namespace
}  // namespace facet
