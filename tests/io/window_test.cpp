#include "io/window.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace facet::io {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// numpy.percentile([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [33, 99.9]) is [2.97, 8.973].
template <typename T>
void expect_numpy_percentiles() {
  const SampleWindow window = find_window(std::vector<T>{3, 1, 4, 1, 5, 9, 2, 6, 5, 3}, 33, 99.9);
  EXPECT_NEAR(window.low, 2.97, 1e-9);
  EXPECT_NEAR(window.high, 8.973, 1e-9);
}

TEST(Window, PercentilesAreNumpysForEveryType) {
  expect_numpy_percentiles<std::uint8_t>();
  expect_numpy_percentiles<std::int8_t>();
  expect_numpy_percentiles<std::uint16_t>();
  expect_numpy_percentiles<std::int16_t>();
  expect_numpy_percentiles<std::uint32_t>();
  expect_numpy_percentiles<std::int32_t>();
  expect_numpy_percentiles<float>();
  expect_numpy_percentiles<double>();
}

TEST(Window, TheWholeRangeIsFromTheSmallestToTheLargestSample) {
  EXPECT_EQ(find_window(std::vector<std::int16_t>{-32768, 5, 32767}, 0, 100), (SampleWindow{-32768, 32767}));
  EXPECT_EQ(find_window(std::vector<std::uint16_t>{65535, 0}, 0, 100), (SampleWindow{0, 65535}));
}

TEST(Window, FallsBackToTheRangeWhenThePercentilesCoincide) {
  std::vector<std::uint16_t> sparse(1000, 10);
  sparse[500] = 900;
  EXPECT_EQ(find_window(sparse, 1, 99), (SampleWindow{10, 900}));
}

TEST(Window, IgnoresSamplesThatAreNotFinite) {
  EXPECT_EQ(find_window(std::vector<double>{kNaN, 2, kInfinity, 4, -kInfinity}, 0, 100),
            (SampleWindow{2, 4}));
  EXPECT_EQ(find_window(std::vector<float>{NAN, NAN}, 0, 100), SampleWindow{});
  EXPECT_EQ(find_window(std::vector<float>{}, 0, 100), SampleWindow{});
}

TEST(Window, MapsLinearlyRoundsAndClips) {
  EXPECT_EQ(apply_window(std::vector<std::uint16_t>{0, 100, 150, 200, 65535}, {100, 200}, false),
            (Bytes{0, 0, 128, 255, 255}));
  EXPECT_EQ(apply_window(std::vector<double>{-1, 0, 0.25, 1, kInfinity, -kInfinity, kNaN}, {0, 1}, false),
            (Bytes{0, 0, 64, 255, 255, 0, 0}));
  EXPECT_EQ(apply_window(std::vector<std::int8_t>{-128, 127}, {-128, 127}, false), (Bytes{0, 255}));
}

TEST(Window, InvertsForPicturesWhereZeroIsWhite) {
  EXPECT_EQ(apply_window(std::vector<std::uint16_t>{100, 200}, {100, 200}, true), (Bytes{255, 0}));
}

TEST(Window, AConstantPictureIsBlack) {
  EXPECT_EQ(apply_window(std::vector<std::uint16_t>{7, 7}, {7, 7}, false), (Bytes{0, 0}));
  EXPECT_EQ(apply_window(std::vector<float>{7, 7}, {7, 7}, false), (Bytes{0, 0}));
}

TEST(Window, SurvivesTheLargestDoubles) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  const std::vector<double> samples = {-kLargest, 0, kLargest};
  const SampleWindow window = find_window(samples, 0, 100);
  EXPECT_EQ(apply_window(samples, window, false), (Bytes{0, 128, 255}));
}

}  // namespace
}  // namespace facet::io
