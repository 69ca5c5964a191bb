// Functions that a device writes down and starts whole give what they give when each operation is begun
// alone.
#include "ops/recorded_runs.h"

#include "ops/attention.h"
#include "ops/cuda/cuda_kernels.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/op_fixture.h"
#include "ops/transfer.h"
#include "support/cuda_device.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

std::vector<Tensor> one(Tensor tensor) {
  std::vector<Tensor> all;
  all.push_back(std::move(tensor));
  return all;
}

class RecordedRunsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    FACET_REQUIRE_CUDA_DEVICE();
    ctx = std::make_unique<Context>(cuda_kernels(0, Precision::Fp32).value());
  }
  // Five calls on different values of one shape: plain, plain, written down, started whole twice.
  void expect_the_same(const RecordedRuns::Run& run, const Shape& shape) {
    for (int i = 0; i < 5; ++i) {
      const Tensor x = uploaded(*ctx, random_tensor(shape, 10 + i));
      const Tensor expected = downloaded(*ctx, run({x.view()})[0]);
      const Tensor found = downloaded(*ctx, runs.call(*ctx, {.owner = this, .run = run}, {x.view()})[0]);
      EXPECT_TENSOR_NEAR(found, expected, 0) << "call " << i;
    }
  }

  std::unique_ptr<Context> ctx;
  RecordedRuns runs;
};

TEST_F(RecordedRunsTest, OfCopies) {
  expect_the_same([&](const auto& in) { return one(copied(*ctx, in[0])); }, {1, 7, 256});
}

TEST_F(RecordedRunsTest, OfProducts) {
  // Of one shape, so that they share what is prepared, but not the bias.
  const auto first = ctx->kernels().pack_linear(random_tensor({64, 64}, 1), random_tensor({64}, 2));
  const auto second = ctx->kernels().pack_linear(random_tensor({64, 64}, 3), random_tensor({64}, 4));
  expect_the_same(
      [&](const auto& in) {
        Tensor hidden = ctx->make({1, 7, 64});
        Tensor out = ctx->make({1, 7, 64});
        linear(*ctx, in[0], *first, {.activation = Activation::Gelu}, hidden);
        linear(*ctx, hidden, *second, {}, out);
        return one(std::move(out));
      },
      {1, 7, 64});
}

TEST_F(RecordedRunsTest, OfAttentionAndNorms) {
  const Tensor gamma = ctx->kernels().placed(random_tensor({256}, 3));
  const Tensor beta = ctx->kernels().placed(random_tensor({256}, 4));
  expect_the_same(
      [&](const auto& in) {
        Tensor out = ctx->make({1, 7, 256});
        attention(*ctx,
                  {.q = split_heads(in[0], 8),
                   .k = split_heads(in[0], 8),
                   .v = split_heads(in[0], 8),
                   .batch = 1,
                   .queries = 7,
                   .keys = 7,
                   .heads = 8,
                   .dim = 32,
                   .scale = 0.3F},
                  out);
        layer_norm(*ctx, out, gamma, beta, 1e-5F, Activation::None, out);
        return one(std::move(out));
      },
      {1, 7, 256});
}

}  // namespace
}  // namespace facet::ops
