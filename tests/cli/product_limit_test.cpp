#include "cli/product_limit.h"

#include <gtest/gtest.h>

namespace facet::cli {
namespace {

TEST(ProductTally, AddsUpProductsByShapeAndTheRest) {
  ProductTally tally;
  tally.product({10, 4, 3});
  tally.product({10, 4, 3});
  tally.product({5, 2, 2});
  tally.other_multiply_adds(7);
  EXPECT_EQ(tally.multiply_adds(), 2 * 120 + 20 + 7);
  EXPECT_EQ(tally.products().at({10, 4, 3}), 2);
}

TEST(ProductLimit, TimesTheShapesThatTakeMostOfTheWork) {
  ProductTally tally;
  tally.product({64, 32, 32});
  for (int i = 0; i < 100; ++i) tally.product({16, 16, 16});
  tally.product({1, 1, 1});
  const auto rates = measure_products(ops::cpu_kernels(), ThreadTeam(1), tally, 2);
  ASSERT_EQ(rates.size(), 2U);
  EXPECT_EQ(rates[0].shape, (ops::ProductShape{16, 16, 16}));
  EXPECT_EQ(rates[1].shape, (ops::ProductShape{64, 32, 32}));
  for (const ProductRate& rate : rates) EXPECT_GT(rate.multiply_adds_per_second, 1e6);
}

TEST(ProductLimit, NothingWasSeenSoNothingIsMeasured) {
  EXPECT_TRUE(measure_products(ops::cpu_kernels(), ThreadTeam(1), ProductTally()).empty());
}

}  // namespace
}  // namespace facet::cli
