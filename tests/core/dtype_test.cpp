#include "facet/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace facet {
namespace {

TEST(DType, NamesAndSizesRoundTrip) {
  for (const DType dtype : {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16, DType::Int8,
                            DType::UInt8, DType::Int16, DType::Int32, DType::Int64, DType::Bool}) {
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
    EXPECT_GE(dtype_size(dtype), 1U);
  }
  EXPECT_FALSE(dtype_from_name("F8").has_value());
}

TEST(DType, EveryHalfSurvivesTheWayToFloatAndBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      EXPECT_EQ(float_to_half(value), half) << value;
    }
  }
}

TEST(DType, HalfRoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1.0F + 0x1p-11F), float_to_half(1.0F));
  EXPECT_EQ(float_to_half(1.0F + 0x3p-11F), float_to_half(1.0F + 0x1p-9F));
  EXPECT_EQ(float_to_half(65519.9F), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(0x1p-25F), 0);
  EXPECT_EQ(float_to_half(0x1.8p-25F), 1);
}

TEST(DType, BFloat16RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(bfloat16_to_float(float_to_bfloat16(1.0F + 0x1p-8F)), 1.0F);
  EXPECT_EQ(bfloat16_to_float(float_to_bfloat16(1.0F + 0x3p-8F)), 1.0F + 0x1p-6F);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace
}  // namespace facet
