#include "ops/kernels.h"

#include <gtest/gtest.h>

#include <cstring>

#include "facet/status.h"
#include "ops/conv2d.h"
#include "ops/linear.h"
#include "support/tensors.h"

namespace facet::ops {
namespace {

using testing::random_tensor;

class PackedWeights : public ::testing::TestWithParam<Precision> {
 protected:
  static Tensor copy_of(const PackedBytes& packed) {
    Tensor bytes(packed.bytes.shape(), DType::UInt8);
    std::memcpy(bytes.view().raw(), packed.bytes.raw(), packed.bytes.size_bytes());
    return bytes;
  }
  static void expect_same_bits(const Tensor& a, const Tensor& b) {
    EXPECT_EQ(std::memcmp(a.view().raw(), b.view().raw(), a.size_bytes()), 0);
  }
  KernelsPtr kernels = cpu_kernels(GetParam());
  Context ctx{kernels, ThreadTeam(2)};
};

TEST_P(PackedWeights, ProductsAreTheSameFromKeptBytes) {
  for (const auto& [in, out] : {std::pair(7, 5), std::pair(64, 100), std::pair(130, 33)}) {
    for (const bool biased : {true, false}) {
      const Tensor bias = random_tensor({out}, 2);
      const auto packed =
          kernels->pack_linear(random_tensor({out, in}, 1), biased ? bias.view() : ConstTensorView());
      const PackedBytes kept = packed->packed();
      ASSERT_FALSE(kept.layout.empty());
      EXPECT_EQ(kept.bytes.size_bytes() % kPackedAlignment, 0U);
      const auto opened = kernels->open_linear(in, out, kept.layout, copy_of(kept));
      EXPECT_EQ(opened->precision(), packed->precision());
      const Tensor x = random_tensor({9, in}, 3);
      Tensor expected(Shape({9, out})), actual(Shape({9, out}));
      linear(ctx, x, *packed, {}, expected);
      linear(ctx, x, *opened, {}, actual);
      expect_same_bits(actual, expected);
    }
  }
}

TEST_P(PackedWeights, ConvolutionsAreTheSameFromKeptBytes) {
  for (const bool depthwise : {false, true}) {
    const Conv2dConfig config{.in = 24, .out = 24, .kernel = 3, .padding = 1, .depthwise = depthwise};
    const Tensor bias = random_tensor({24}, 2);
    const auto packed = kernels->pack_conv2d(config, random_tensor({24, depthwise ? 1 : 24, 3, 3}, 1), bias);
    const PackedBytes kept = packed->packed();
    ASSERT_FALSE(kept.layout.empty());
    const auto opened = kernels->open_conv2d(config, kept.layout, copy_of(kept));
    const Tensor x = random_tensor({1, 11, 13, 24}, 3);
    Tensor expected(x.shape()), actual(x.shape());
    conv2d(ctx, x, *packed, expected);
    conv2d(ctx, x, *opened, actual);
    expect_same_bits(actual, expected);
  }
}

TEST_P(PackedWeights, AreRefusedInAnotherLayoutOrSize) {
  const auto packed = kernels->pack_linear(random_tensor({5, 7}, 1), {});
  const PackedBytes linear = packed->packed();
  EXPECT_THROW((void)kernels->open_linear(7, 5, "another", copy_of(linear)), StatusError);
  EXPECT_THROW((void)kernels->open_linear(7, 500, linear.layout, copy_of(linear)), StatusError);
  EXPECT_THROW((void)kernels->open_linear(7, 5, linear.layout, Tensor::zeros({64}, DType::UInt8)),
               StatusError);
  EXPECT_THROW((void)reference_kernels()->open_linear(7, 5, linear.layout, copy_of(linear)), StatusError);
  const Conv2dConfig config{.in = 8, .out = 8, .kernel = 3, .depthwise = true};
  EXPECT_THROW((void)kernels->open_conv2d(config, "another", copy_of(linear)), StatusError);
  EXPECT_THROW((void)reference_kernels()->open_conv2d(config, "any", copy_of(linear)), StatusError);
}

INSTANTIATE_TEST_SUITE_P(Precisions, PackedWeights,
                         ::testing::Values(Precision::Fp32, Precision::Bf16, Precision::Int8),
                         [](const auto& test) { return std::string(precision_name(test.param)); });

}  // namespace
}  // namespace facet::ops
