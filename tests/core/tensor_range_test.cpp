#include "core/tensor_range.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "facet/status.h"

namespace facet {
namespace {

TEST(TensorRange, LiesWhereItsTensorLies) {
  Tensor tensor = Tensor::from(std::array{1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}, {3, 2});
  const TensorView last = range_of(tensor.view(), 1, 2);
  EXPECT_EQ(last.shape(), Shape({2, 2}));
  EXPECT_EQ(last.data<float>()[0], 3.0F);
  last.data<float>()[3] = 7;
  EXPECT_EQ(std::as_const(tensor).data<float>()[5], 7.0F);
  const ConstTensorView none = range_of(std::as_const(tensor).view(), 3, 0);
  EXPECT_EQ(none.shape(), Shape({0, 2}));
}

TEST(TensorRange, RefusesWhatIsNotThere) {
  Tensor tensor = Tensor::zeros({3, 2});
  EXPECT_THROW((void)range_of(tensor.view(), 2, 2), ContractError);
  EXPECT_THROW((void)range_of(tensor.view(), -1, 2), ContractError);
  EXPECT_THROW((void)range_of(tensor.view(), 0, -1), ContractError);
}

}  // namespace
}  // namespace facet
