#include "facet/tensor.h"

#include <gtest/gtest.h>

#include <array>

#include "facet/image.h"
#include "facet/status.h"

namespace facet {
namespace {

TEST(Shape, CountsAndPrints) {
  EXPECT_EQ(Shape({2, 3, 4}).numel(), 24);
  EXPECT_EQ(Shape().numel(), 1);
  EXPECT_EQ(Shape({2, 0}).numel(), 0);
  EXPECT_EQ(Shape({2, 3})[-1], 3);
  EXPECT_EQ(Shape({2, 3}).to_string(), "[2, 3]");
  EXPECT_THROW(Shape({-1}), ContractError);
  EXPECT_THROW(Shape({1, 1, 1, 1, 1, 1, 1}), ContractError);
}

TEST(Tensor, ReshapesWithoutCopying) {
  Tensor tensor = Tensor::from(std::array{1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}, {2, 3});
  const void* data = tensor.view().raw();
  tensor = std::move(tensor).reshaped({3, 2});
  EXPECT_EQ(tensor.view().raw(), data);
  EXPECT_THROW((void)tensor.view().reshaped({4, 2}), ContractError);
}

TEST(Tensor, CloneOwnsItsElements) {
  Tensor tensor = Tensor::zeros({4});
  Tensor copy = tensor.clone();
  copy.data<float>()[0] = 1.0F;
  EXPECT_EQ(tensor.data<float>()[0], 0.0F);
}

TEST(Tensor, RefusesTheWrongElementType) {
  Tensor tensor = Tensor::zeros({4}, DType::Int64);
  EXPECT_THROW((void)tensor.data<float>(), ContractError);
  EXPECT_EQ(tensor.data<std::int64_t>().size(), 4U);
}

TEST(Tensor, RefusesSizesThatOverflow) { EXPECT_THROW(Tensor({1LL << 40, 1LL << 40}), StatusError); }

TEST(Image, NeedsThreeBytesAPixel) {
  EXPECT_THROW(Image(Size{2, 2}, std::vector<std::uint8_t>(11)), ContractError);
  Image image(Size{2, 3});
  image.pixel(1, 2)[0] = 7;
  EXPECT_EQ(image.rgb()[15], 7);
}

}  // namespace
}  // namespace facet
