#include "nn/position_encoding.h"

#include <array>
#include <cmath>
#include <numbers>

#include "nn/layer_fixture.h"

namespace facet::nn {
namespace {

class PositionEncodingTest : public LayerTest {
 protected:
  RandomPositionEncoding positions{weights.root(), 5};
};

TEST_F(PositionEncodingTest, IsSineAndCosineOfRandomFrequencies) {
  std::array<float, 10> out{};
  positions.encode(0.25F, 0.9F, out);
  const Tensor matrix = weights.take("positional_encoding_gaussian_matrix", {2, 5});
  for (int i = 0; i < 5; ++i) {
    const double angle =
        2 * std::numbers::pi * (-0.5 * matrix.data<float>()[i] + 0.8 * matrix.data<float>()[5 + i]);
    EXPECT_NEAR(out[i], std::sin(angle), 1e-5);
    EXPECT_NEAR(out[5 + i], std::cos(angle), 1e-5);
  }
}

TEST_F(PositionEncodingTest, GridEncodesTheCentresOfItsCells) {
  const Tensor grid = positions.grid(4, 8);
  ASSERT_EQ(grid.shape(), Shape({32, 10}));
  std::array<float, 10> centre{};
  positions.encode(5.5F / 8, 2.5F / 4, centre);
  for (int i = 0; i < 10; ++i) EXPECT_FLOAT_EQ(grid.data<float>()[(2 * 8 + 5) * 10 + i], centre[i]);
}

}  // namespace
}  // namespace facet::nn
