#include "models/layered_transformer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "models/mask_decoder.h"
#include "support/tensors.h"

namespace facet::models {
namespace {

using testing::random_tensor;

constexpr std::int64_t kGrid = 64;
constexpr std::int64_t kDim = 256;

// Random weights of the size that training leaves: rows of length one, norms about one, and SAM's names.
class RandomWeights : public nn::WeightReader {
 public:
  explicit RandomWeights(Precision precision = Precision::Fp32) : kernels_(ops::cpu_kernels(precision)) {}
  [[nodiscard]] bool has(const std::string& /*name*/) const override { return false; }
  [[nodiscard]] Tensor take(const std::string& name, const Shape& shape) override {
    Tensor out = random_tensor(shape, int(std::hash<std::string>()(name) % 100000));
    const bool norm = shape.rank() == 1 && name.ends_with("weight");
    const float gain = shape.rank() == 1 ? 0.1F : std::sqrt(3.0F / static_cast<float>(shape[-1]));
    for (float& value : out.data<float>()) value = (norm ? 1.0F : 0.0F) + gain * value;
    return out;
  }
  [[nodiscard]] const ops::Kernels& kernels() const override { return *kernels_; }

 private:
  ops::KernelsPtr kernels_;
};

// The mask decoder with the picture stored and with the picture prepared.
class LayeredTransformerTest : public ::testing::TestWithParam<int> {
 protected:
  RandomWeights weights;
  ops::Context ctx{ops::cpu_kernels(), ThreadTeam(GetParam())};
  const Tensor image = random_tensor({1, kGrid* kGrid, kDim}, 1);
  const Tensor positions = random_tensor({kGrid * kGrid, kDim}, 2);
  const MaskDecoder decoder{nn::WeightScope(weights), positions};

  MaskDecoder::Output decode(const Tensor& sparse, bool multimask,
                             const LayeredTransformer::Picture* prepared) {
    return decoder.forward(ctx,
                           {.image = image, .sparse = sparse, .multimask = multimask, .prepared = prepared});
  }
};

TEST_P(LayeredTransformerTest, DecodesWhatTheStoredPictureDecodes) {
  const LayeredTransformer::Picture picture = decoder.prepare(ctx, image);
  for (const std::int64_t tokens : {1, 2, 11}) {
    const Tensor sparse = random_tensor({2, tokens, kDim}, 10 + int(tokens));
    const bool multimask = tokens != 2;
    const MaskDecoder::Output stored = decode(sparse, multimask, nullptr);
    const MaskDecoder::Output prepared = decode(sparse, multimask, &picture);
    EXPECT_LE(testing::relative_l2_error(prepared.masks, stored.masks), 1e-4) << tokens << " tokens";
    EXPECT_LE(testing::relative_l2_error(prepared.scores, stored.scores), 1e-4) << tokens << " tokens";
  }
}

// The parts of a bfloat16 model, where this processor keeps pictures in bfloat16; else there is no
// difference.
TEST_P(LayeredTransformerTest, InBFloat16DecodesNearlyTheSame) {
  RandomWeights narrow(Precision::Bf16);
  const MaskDecoder narrow_decoder{nn::WeightScope(narrow).in_full_precision(), positions};
  const LayeredTransformer::Picture picture = narrow_decoder.prepare(ctx, image);
  for (const std::int64_t tokens : {1, 2, 11}) {
    const Tensor sparse = random_tensor({2, tokens, kDim}, 10 + int(tokens));
    const MaskDecoder::Output stored = decode(sparse, true, nullptr);
    const MaskDecoder::Output prepared =
        narrow_decoder.forward(ctx, {.sparse = sparse, .multimask = true, .prepared = &picture});
    EXPECT_LE(testing::relative_l2_error(prepared.masks, stored.masks), 2e-2) << tokens << " tokens";
    EXPECT_LE(testing::relative_l2_error(prepared.scores, stored.scores), 2e-2) << tokens << " tokens";
  }
}

TEST_P(LayeredTransformerTest, PromptsDoNotTouchEachOther) {
  const LayeredTransformer::Picture picture = decoder.prepare(ctx, image);
  const Tensor both = random_tensor({2, 2, kDim}, 3);
  const Tensor second = Tensor::from(both.data<float>().subspan(2 * kDim), {1, 2, kDim});
  const MaskDecoder::Output together = decode(both, true, &picture);
  const MaskDecoder::Output alone = decode(second, true, &picture);
  const std::int64_t values = alone.masks.shape().numel();
  const Tensor half = Tensor::from(together.masks.data<float>().subspan(values), alone.masks.shape());
  EXPECT_LE(testing::relative_l2_error(half, alone.masks), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Threads, LayeredTransformerTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace facet::models
