#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "service/api/begin_ahead.h"
#include "service/http/byte_budget.h"

namespace facet::service {
namespace {

using ::testing::ElementsAre;

TEST(ByteBudget, IsSharedAndGivenBack) {
  ByteBudget budget(100);
  HeldBytes first(budget);
  EXPECT_TRUE(first.grow_to(60));
  EXPECT_TRUE(first.grow_to(40)) << "it holds more already";
  {
    HeldBytes second(budget);
    EXPECT_FALSE(second.grow_to(41));
    EXPECT_EQ(budget.held(), 60U) << "a refusal takes nothing";
    EXPECT_TRUE(second.grow_to(40));
  }
  first.shrink_to(10);
  EXPECT_EQ(budget.held(), 10U);
  EXPECT_FALSE(first.grow_to(101));
  EXPECT_TRUE(first.grow_to(100));
}

struct Begun {
  std::int64_t size = 0;
  [[nodiscard]] std::int64_t pixels() const { return size; }
};

/// The steps of pictures of `sizes` pixels: i + 1 for a beginning, its negative for its end.
std::vector<int> steps(const ServiceConfig& config, const std::vector<std::int64_t>& sizes) {
  std::vector<int> taken;
  begin_ahead(
      config, sizes.size(),
      [&](std::size_t i) {
        taken.push_back(static_cast<int>(i) + 1);
        return Begun{sizes[i]};
      },
      [&](std::size_t i, Begun&) { taken.push_back(-static_cast<int>(i) - 1); });
  return taken;
}

TEST(BeginAhead, AsManyAsTheEngineHasUseFor) {
  const ServiceConfig config{.max_batch = 1};
  EXPECT_THAT(steps(config, {1, 1, 1, 1}), ElementsAre(1, 2, -1, 3, -2, 4, -3, -4));
  EXPECT_THAT(steps(config, {}), ElementsAre());
}

TEST(BeginAhead, NeverMoreThanTheEnginesLineTakes) {
  const ServiceConfig config{.max_queued = 1, .max_batch = 8};
  EXPECT_THAT(steps(config, {1, 1, 1}), ElementsAre(1, -1, 2, -2, 3, -3));
}

TEST(BeginAhead, NoMoreThanOneRequestsPixels) {
  const ServiceConfig config{.max_batch = 8, .max_pixels = 100};
  EXPECT_THAT(steps(config, {100, 60, 60, 1}), ElementsAre(1, -1, 2, 3, -2, 4, -3, -4));
}

}  // namespace
}  // namespace facet::service
