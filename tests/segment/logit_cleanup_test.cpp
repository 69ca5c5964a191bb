#include "segment/logit_cleanup.h"

#include <gtest/gtest.h>

#include <vector>

#include "facet/status.h"

namespace facet::segment {
namespace {

constexpr Size kSize{6, 6};

// A block of 5 with a hole of one cell, and a speck of one cell.
std::vector<float> block_with_hole_and_speck() {
  std::vector<float> logits(36, -5.0F);
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 4; ++x) logits[y * 6 + x] = 5.0F;
  }
  logits[1 * 6 + 1] = -1.0F;
  logits[5 * 6 + 5] = 2.0F;
  return logits;
}

TEST(LogitCleanup, FillsHolesUpToTheArea) {
  std::vector<float> logits = block_with_hole_and_speck();
  clean_up_logits(logits, kSize, {.max_hole_area = 1});
  EXPECT_EQ(logits[1 * 6 + 1], 10.0F);
  EXPECT_EQ(logits[5 * 6 + 5], 2.0F);
  EXPECT_EQ(logits[5 * 6 + 0], -5.0F);
}

TEST(LogitCleanup, ClearsSpecksUpToTheArea) {
  std::vector<float> logits = block_with_hole_and_speck();
  clean_up_logits(logits, kSize, {.max_sprinkle_area = 1, .margin = 0.5F});
  EXPECT_EQ(logits[5 * 6 + 5], -0.5F);
  EXPECT_EQ(logits[1 * 6 + 1], -1.0F);
  EXPECT_EQ(logits[0], 5.0F);
}

TEST(LogitCleanup, LeavesEverythingWithoutAreas) {
  std::vector<float> logits = block_with_hole_and_speck();
  clean_up_logits(logits, kSize, {});
  EXPECT_EQ(logits, block_with_hole_and_speck());
  EXPECT_THROW(clean_up_logits(logits, {5, 5}, {}), ContractError);
}

}  // namespace
}  // namespace facet::segment
