#include "ops/elementwise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

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
    add(backend, a, b, fast);
    add(oracle, a, b, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 0);
  }
  Tensor out = Tensor::zeros({2, 4});
  EXPECT_THROW(add(backend, Tensor::zeros({2, 4}), Tensor::zeros({3}), out), ContractError);
}

TEST_P(ElementwiseTest, ActivationsMatchTheOracle) {
  for (const Activation activation : {Activation::Relu, Activation::Gelu, Activation::Sigmoid}) {
    Tensor fast = random_tensor({100019}, 1);
    for (float& value : fast.data<float>()) value *= 12;
    Tensor slow = fast.clone();
    activate(backend, activation, fast);
    activate(oracle, activation, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-6);
    for (std::size_t i = 0; i < fast.data<float>().size(); ++i) {
      ASSERT_NEAR(fast.data<float>()[i], slow.data<float>()[i], 2e-6);
    }
  }
}

TEST_P(ElementwiseTest, GeluIsTheExactOneAtAllMagnitudes) {
  std::vector<float> x;
  for (float magnitude = 1e-6F; magnitude < 1e6F; magnitude *= 1.001F) {
    x.push_back(magnitude);
    x.push_back(-magnitude);
  }
  Tensor out = Tensor::zeros({std::int64_t(x.size())});
  std::copy(x.begin(), x.end(), out.data<float>().begin());
  activate(backend, Activation::Gelu, out);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = 0.5 * x[i] * std::erfc(-double(x[i]) / std::numbers::sqrt2);
    ASSERT_NEAR(out.data<float>()[i], exact, x[i] > 4 ? 1e-7 * x[i] : std::min(4e-7, 1.2e-6 * std::abs(x[i])))
        << x[i];
  }
}

TEST_P(ElementwiseTest, SignedMasksMatchTheOracle) {
  for (const bool binary : {false, true}) {
    Tensor fast = random_tensor({20011}, 1);
    for (float& value : fast.data<float>()) value *= 9;
    fast.data<float>()[7] = 0;
    fast.data<float>()[20010] = -1024;
    Tensor slow = fast.clone();
    signed_mask(backend, binary, fast);
    signed_mask(oracle, binary, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-6);
    EXPECT_FLOAT_EQ(fast.data<float>()[20010], -10.0F);
  }
}

FACET_INSTANTIATE_OP_TEST(ElementwiseTest);

}  // namespace
}  // namespace facet::ops
