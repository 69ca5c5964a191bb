#include "service/embedding_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "service/embeddings.h"

namespace facet::service {
namespace {

const std::string kKey = "key";

// Bytes of an entry whose checksum is right: what one who knows the format could store.
std::vector<std::uint8_t> sealed(std::vector<std::uint8_t> payload) {
  const ContentHash digest = content_hash(payload, kKey);
  payload.insert(payload.end(), digest.bytes.begin(), digest.bytes.end());
  return payload;
}

std::vector<std::uint8_t> payload_of(const std::vector<std::uint8_t>& entry) {
  return {entry.begin(), entry.end() - 32};
}

TEST(EmbeddingCodec, GivesBackEveryTensor) {
  Embedding embedding = random_embedding(1);
  embedding.high_res0 = std::make_shared<const Tensor>(testing::random_tensor({1, 64 * 64 * 16, 32}, 2));
  embedding.high_res1 = std::make_shared<const Tensor>(testing::random_tensor({1, 64 * 64 * 4, 64}, 3));
  const Result<Embedding> read = decode_entry(encode_entry(embedding, kKey, DType::Float32), kKey, 7);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_TENSOR_NEAR(*read->features, *embedding.features, 0);
  EXPECT_TENSOR_NEAR(*read->high_res0, *embedding.high_res0, 0);
  EXPECT_TENSOR_NEAR(*read->high_res1, *embedding.high_res1, 0);
  EXPECT_EQ(read->original_size, embedding.original_size);
  EXPECT_EQ(embedding_bytes(*read), embedding_bytes(embedding));
}

TEST(EmbeddingCodec, RoundsToTheNearestBFloat16) {
  Embedding embedding = random_embedding(1);
  Tensor features = embedding.features->clone();
  features.data<float>()[0] = 1.00390625F;  // half way: to the even neighbour
  features.data<float>()[1] = 1.01171875F;  // half way, the even neighbour is above
  features.data<float>()[2] = -3.0F;
  embedding.features = std::make_shared<const Tensor>(std::move(features));
  const Result<Embedding> read = decode_entry(encode_entry(embedding, kKey, DType::BFloat16), kKey, 7);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->features->data<float>()[0], 1.0F);
  EXPECT_EQ(read->features->data<float>()[1], 1.015625F);
  EXPECT_EQ(read->features->data<float>()[2], -3.0F);
}

TEST(EmbeddingCodec, RefusesAnotherKeyAndAnotherModel) {
  const auto entry = encode_entry(random_embedding(1), kKey, DType::BFloat16);
  EXPECT_FALSE(decode_entry(entry, "other", 7).ok());
  EXPECT_FALSE(decode_entry(entry, kKey, 8).ok());
}

TEST(EmbeddingCodec, RefusesEveryTruncationOfTheHeadersEvenWhenSealed) {
  const auto payload = payload_of(encode_entry(random_embedding(1), kKey, DType::BFloat16));
  for (std::size_t length = 0; length < 256; ++length) {
    const std::vector<std::uint8_t> cut(payload.begin(), payload.begin() + std::ptrdiff_t(length));
    EXPECT_FALSE(decode_entry(cut, kKey, 7).ok()) << length;
    EXPECT_FALSE(decode_entry(sealed(cut), kKey, 7).ok()) << length;
  }
}

TEST(EmbeddingCodec, RefusesEveryChangedHeaderByteOrReadsWhatItSays) {
  const auto payload = payload_of(encode_entry(random_embedding(1), kKey, DType::BFloat16));
  for (std::size_t at = 0; at < 128; ++at) {
    std::vector<std::uint8_t> changed = payload;
    changed[at] ^= 0xFFU;
    EXPECT_FALSE(decode_entry(changed, kKey, 7).ok()) << at;
    const Result<Embedding> read = decode_entry(sealed(changed), kKey, 7);
    if (read.ok()) {
      EXPECT_EQ(read->features->shape(), Shape({1, 64, 64, 256})) << at;
    }
  }
}

TEST(EmbeddingCodec, RefusesNumbersThatAreNotFinite) {
  Embedding embedding = random_embedding(1);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor features = embedding.features->clone();
    features.data<float>()[77] = bad;
    embedding.features = std::make_shared<const Tensor>(std::move(features));
    for (const DType precision : {DType::Float32, DType::BFloat16}) {
      EXPECT_FALSE(decode_entry(encode_entry(embedding, kKey, precision), kKey, 7).ok());
    }
  }
}

TEST(EmbeddingCodec, RefusesOneOfTwoTensorsOfHighResolution) {
  Embedding embedding = random_embedding(1);
  embedding.high_res0 = std::make_shared<const Tensor>(testing::random_tensor({1, 64 * 64 * 16, 32}, 2));
  EXPECT_FALSE(decode_entry(encode_entry(embedding, kKey, DType::BFloat16), kKey, 7).ok());
}

}  // namespace
}  // namespace facet::service
