#include "models/tiny_vit/tiny_vit_encoder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace facet::models {
namespace {

// The published rule, literally: distances are numbered as they first occur when all pairs of tokens are
// walked.
TEST(AttentionBiases, AreExpandedInTheOrderInWhichDistancesOccur) {
  for (const int window : {1, 3, 7}) {
    const int n = window * window;
    Tensor biases(Shape({2, n}));
    for (int i = 0; i < 2 * n; ++i) biases.data<float>()[i] = static_cast<float>(i);
    const Tensor expanded = expand_attention_biases(biases, window);
    std::map<std::pair<int, int>, int> numbers;
    for (int a = 0; a < n; ++a) {
      for (int b = 0; b < n; ++b) {
        const std::pair distance(std::abs(a / window - b / window), std::abs(a % window - b % window));
        const int number = numbers.try_emplace(distance, int(numbers.size())).first->second;
        for (int head = 0; head < 2; ++head) {
          ASSERT_EQ(expanded.data<float>()[(head * n + a) * n + b], static_cast<float>(head * n + number));
        }
      }
    }
  }
}

TEST(PatchMerging, KeepsTheGridBeforeTheLastStage) {
  EXPECT_EQ(PatchMerging::stride(128), 2);
  EXPECT_EQ(PatchMerging::stride(160), 2);
  EXPECT_EQ(PatchMerging::stride(320), 1);
}

}  // namespace
}  // namespace facet::models
