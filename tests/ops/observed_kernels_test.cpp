#include "ops/observed_kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/linear.h"
#include "support/tensors.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Notes : public Observer {
 public:
  void product(const ProductShape& shape) override { products.push_back(shape); }
  void other_multiply_adds(std::int64_t count) override { other += count; }
  void sum(ConstTensorView x) override { sums.push_back(x.data<float>()[0]); }
  std::vector<ProductShape> products;
  std::int64_t other = 0;
  std::vector<float> sums;
};

class ObservedKernelsTest : public ::testing::Test {
 protected:
  void convolve(const Conv2dConfig& config) {
    const Tensor weight =
        random_tensor({config.out, config.depthwise ? 1 : config.in, config.kernel, config.kernel}, 2);
    const auto packed = ctx.kernels().pack_conv2d(config, weight, {});
    Tensor out = Tensor::zeros({1, 4, 3, config.out});
    conv2d(ctx, random_tensor({1, 4, 3, config.in}, 1), *packed, out);
  }
  Notes notes;
  Context ctx{observed_kernels(reference_kernels(), notes), ThreadTeam(1)};
};

TEST_F(ObservedKernelsTest, SeesProductsAndConvolutionsAsTheProductsTheyComeTo) {
  const auto packed = ctx.kernels().pack_linear(random_tensor({5, 7}, 2), {});
  Tensor out = Tensor::zeros({2, 3, 5});
  linear(ctx, random_tensor({2, 3, 7}, 1), *packed, {}, out);
  convolve({.in = 2, .out = 6, .kernel = 3, .padding = 1});
  EXPECT_THAT(notes.products, ElementsAre(ProductShape{6, 7, 5}, ProductShape{12, 18, 6}));
  EXPECT_EQ(notes.other, 0);
}

TEST_F(ObservedKernelsTest, CountsWhatIsNoProductWithWeights) {
  convolve({.in = 6, .out = 6, .kernel = 3, .padding = 1, .depthwise = true});
  EXPECT_EQ(notes.other, 12 * 9 * 6);
  const Tensor q = random_tensor({1, 4, 8}, 1);
  const Tensor k = random_tensor({1, 10, 8}, 2);
  Tensor out = Tensor::zeros({1, 4, 8});
  attention(ctx,
            {.q = split_heads(q, 2),
             .k = split_heads(k, 2),
             .v = split_heads(k, 2),
             .queries = 4,
             .keys = 10,
             .heads = 2,
             .dim = 4},
            out);
  EXPECT_EQ(notes.other, 12 * 9 * 6 + 2 * 4 * 10 * (4 + 4));
  EXPECT_THAT(notes.products, IsEmpty());
}

TEST_F(ObservedKernelsTest, ShowsSumsAsTheyBecome) {
  const Tensor one = Tensor::from(std::vector<float>{3}, {1, 1});
  const auto packed = ctx.kernels().pack_linear(one, {});
  Tensor out = Tensor::from(std::vector<float>{1}, {1, 1});
  linear(ctx, one, *packed, {.accumulate = true}, out);
  linear(ctx, one, *packed, {}, out);
  EXPECT_THAT(notes.sums, ElementsAre(10));
}

}  // namespace
}  // namespace facet::ops
