#include "cli/saved_tensors.h"

#include <gtest/gtest.h>

#include "io/checkpoint.h"
#include "support/paths.h"
#include "support/tensors.h"

namespace facet::cli {
namespace {

using facet::testing::random_tensor;
using facet::testing::TemporaryFolder;

ObjectPrediction object_with(int masks, std::uint64_t seed) {
  ObjectPrediction object;
  for (int i = 0; i < masks; ++i) {
    MaskPrediction mask;
    mask.score = 0.25F * static_cast<float>(i);
    mask.low_res_logits = random_tensor({256, 256}, seed + i);
    object.masks.push_back(std::move(mask));
  }
  return object;
}

TEST(SavedTensors, HaveTheReferencesLayout) {
  const TemporaryFolder folder;
  const Tensor input = random_tensor({1, 3, 1024, 1024}, 1);
  const Embedding embedding{std::make_shared<const Tensor>(random_tensor({1, 64, 64, 256}, 2))};
  std::vector<ObjectPrediction> objects;
  objects.push_back(object_with(3, 10));
  objects.push_back(object_with(3, 20));
  ASSERT_TRUE(save_tensors(folder / "t.safetensors", input, embedding, objects).ok());

  const auto file = io::Checkpoint::open(folder / "t.safetensors");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->shape("input"), Shape({1, 3, 1024, 1024}));
  EXPECT_EQ(file->shape("embedding"), Shape({1, 256, 64, 64}));
  EXPECT_EQ(file->shape("low_res_logits"), Shape({2, 3, 256, 256}));
  EXPECT_EQ(file->shape("scores"), Shape({2, 3}));
  const Tensor features = *file->read_float32("embedding");
  const auto value = [&](int c, int y, int x) { return features.data<float>()[(c * 64 + y) * 64 + x]; };
  const auto source = [&](int c, int y, int x) {
    return embedding.features->data<float>()[(y * 64 + x) * 256 + c];
  };
  EXPECT_EQ(value(5, 7, 9), source(5, 7, 9));
  EXPECT_EQ(value(255, 63, 0), source(255, 63, 0));
  const Tensor logits = *file->read_float32("low_res_logits");
  EXPECT_EQ(logits.data<float>()[4 * 65536 + 17], objects[1].masks[1].low_res_logits.data<float>()[17]);
  EXPECT_EQ(file->read_float32("scores")->data<float>()[5], 0.5F);
}

TEST(SavedTensors, ObjectsThatDifferInTheirMasksAreABug) {
  std::vector<ObjectPrediction> objects;
  objects.push_back(object_with(3, 10));
  objects.push_back(object_with(1, 20));
  const Embedding embedding{std::make_shared<const Tensor>(random_tensor({1, 64, 64, 256}, 2))};
  EXPECT_THROW((void)save_tensors("/unused", random_tensor({1}, 1), embedding, objects), ContractError);
}

}  // namespace
}  // namespace facet::cli
