#include "cli/samples.h"

#include <gtest/gtest.h>

namespace facet::cli {
namespace {

Samples samples_of(std::initializer_list<double> values) {
  Samples samples;
  for (const double value : values) samples.add(value);
  return samples;
}

TEST(Samples, MediansAreTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(samples_of({3, 1, 2}).median(), 2);
  EXPECT_EQ(samples_of({4, 1, 3, 2}).median(), 2.5);
  EXPECT_EQ(samples_of({7}).median(), 7);
  EXPECT_EQ(Samples().median(), 0);
}

TEST(Samples, PercentilesAreNearestRanks) {
  Samples hundred;
  for (int i = 100; i > 0; --i) hundred.add(i);
  EXPECT_EQ(hundred.percentile(0.99), 99);
  EXPECT_EQ(hundred.percentile(0.5), 50);
  EXPECT_EQ(hundred.percentile(1), 100);
  EXPECT_EQ(hundred.percentile(0), 1);
  EXPECT_EQ(samples_of({5, 6, 9}).percentile(0.99), 9);
  EXPECT_EQ(Samples().percentile(0.99), 0);
}

}  // namespace
}  // namespace facet::cli
