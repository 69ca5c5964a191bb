#include "ops/elementwise.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class ElementwiseTest : public OpTest {};

TEST_P(ElementwiseTest, AddRepeatsTheSecondOverTheFirst) {
  for (const auto& [rows, columns] : {std::pair{1, 1}, {3, 5}, {300, 64}, {2, 100003}}) {
    const Tensor a = random_tensor({rows, columns}, 1);
    const Tensor b = random_tensor({columns}, 2);
    Tensor fast = Tensor::zeros(a.shape());
    Tensor slow = Tensor::zeros(a.shape());
    add(cpu, a, b, fast);
    add(oracle, a, b, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 0);
  }
  Tensor out = Tensor::zeros({2, 4});
  EXPECT_THROW(add(cpu, Tensor::zeros({2, 4}), Tensor::zeros({3}), out), ContractError);
}

TEST_P(ElementwiseTest, ActivationsMatchTheOracle) {
  for (const Activation activation : {Activation::Relu, Activation::Gelu}) {
    Tensor fast = random_tensor({100019}, 1);
    for (float& value : fast.data<float>()) value *= 12;
    Tensor slow = fast.clone();
    activate(cpu, activation, fast);
    activate(oracle, activation, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-6);
    for (std::size_t i = 0; i < fast.data<float>().size(); ++i) {
      ASSERT_NEAR(fast.data<float>()[i], slow.data<float>()[i], 2e-6);
    }
  }
}

FACET_INSTANTIATE_OP_TEST(ElementwiseTest);

}  // namespace
}  // namespace facet::ops
