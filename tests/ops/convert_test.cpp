#include "ops/convert.h"

#include <cmath>
#include <limits>

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class ConvertTest : public OpTest {};

TEST_P(ConvertTest, EqualsTheOracleBitForBit) {
  for (const int count : {1, 15, 16, 17, 100000}) {
    Tensor x = random_tensor({count}, count);
    x.data<float>()[0] = std::ldexp(1.0F + 0x1p-8F, -3);  // half way between two bfloat16
    const Tensor fast = converted(backend, x, DType::BFloat16);
    const Tensor slow = converted(oracle, x, DType::BFloat16);
    const Tensor back = converted(backend, fast, DType::Float32);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(fast.data<BFloat16>()[i].bits, slow.data<BFloat16>()[i].bits) << i << " of " << count;
      ASSERT_EQ(back.data<float>()[i], float(slow.data<BFloat16>()[i]));
    }
  }
}

TEST_P(ConvertTest, KeepsInfinityAndNaN) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float values[] = {infinity, -infinity, std::nanf(""), std::numeric_limits<float>::max(), -0.0F};
  const Tensor narrow = converted(backend, Tensor::from(values, {5}), DType::BFloat16);
  const auto elements = narrow.data<BFloat16>();
  EXPECT_EQ(float(elements[0]), infinity);
  EXPECT_EQ(float(elements[1]), -infinity);
  EXPECT_TRUE(std::isnan(float(elements[2])));
  EXPECT_EQ(float(elements[3]), infinity);
  EXPECT_TRUE(std::signbit(float(elements[4])));
}

TEST_P(ConvertTest, RefusesAnotherShape) {
  Tensor out(Shape({3}), DType::BFloat16);
  EXPECT_THROW(convert(backend, Tensor::zeros({4}), out), ContractError);
}

FACET_INSTANTIATE_OP_TEST(ConvertTest);

}  // namespace
}  // namespace facet::ops
