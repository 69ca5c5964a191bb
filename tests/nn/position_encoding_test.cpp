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

TEST(SinePositions, RowsComeFirstAndNeighboursShareAWavelength) {
  const Tensor grid = sine_position_grid(3, 4, 8);
  ASSERT_EQ(grid.shape(), Shape({12, 8}));
  const auto cell = grid.data<float>().subspan((1 * 4 + 2) * 8, 8);
  const double turn_y = 2.0 / (3 + 1e-6) * 2 * std::numbers::pi;
  const double turn_x = 3.0 / (4 + 1e-6) * 2 * std::numbers::pi;
  EXPECT_NEAR(cell[0], std::sin(turn_y), 1e-5);
  EXPECT_NEAR(cell[1], std::cos(turn_y), 1e-5);
  EXPECT_NEAR(cell[2], std::sin(turn_y / 100), 1e-5);  // 10000^(2/4)
  EXPECT_NEAR(cell[4], std::sin(turn_x), 1e-5);
}

TEST(SinePositions, OneNumberGivesSinesThenCosines) {
  std::array<float, 8> out{};
  encode_sine_position(0.3F, out);
  EXPECT_NEAR(out[0], std::sin(0.3), 1e-6);
  EXPECT_NEAR(out[2], std::sin(0.003), 1e-6);
  EXPECT_NEAR(out[4], std::cos(0.3), 1e-6);
}

TEST(RotaryTable, FirstHalfTurnsWithTheColumn) {
  const Tensor table = axial_rotary_table(2, 3, 8);
  ASSERT_EQ(table.shape(), Shape({6, 8}));
  const auto cell = table.data<float>().subspan((1 * 3 + 2) * 8, 8);
  EXPECT_NEAR(cell[0], std::cos(2.0), 1e-6);
  EXPECT_NEAR(cell[1], std::sin(2.0), 1e-6);
  EXPECT_NEAR(cell[2], std::cos(2.0 / 100), 1e-6);  // 10000^(4/8)
  EXPECT_NEAR(cell[4], std::cos(1.0), 1e-6);
}

}  // namespace
}  // namespace facet::nn
