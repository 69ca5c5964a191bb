#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>

#include "io/checkpoint.h"
#include "io/safetensors_writer.h"
#include "support/paths.h"
#include "support/tensors.h"

namespace facet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

Status status_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::vector<std::uint8_t> bytes(sizeof(length));
  std::memcpy(bytes.data(), &length, sizeof(length));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + data_bytes);
  return Checkpoint::from_bytes(std::move(bytes), "memory").status();
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  const Tensor floats = testing::random_tensor({2, 3, 5}, 1);
  Tensor bytes({3}, DType::UInt8);
  bytes.data<std::uint8_t>()[0] = 1;
  bytes.data<std::uint8_t>()[1] = 2;
  bytes.data<std::uint8_t>()[2] = 255;
  const Tensor empty({0, 4});
  const std::array<NamedTensor, 3> tensors = {
      {{"z.bytes", bytes.view()}, {"a \"quoted\" name", floats.view()}, {"empty", empty.view()}}};
  ASSERT_TRUE(write_safetensors(folder / "a.safetensors", tensors, {{"made by", "a test"}}).ok());

  const Result<Checkpoint> read = Checkpoint::open(folder / "a.safetensors");
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->tensors().size(), 3U);
  EXPECT_TENSOR_NEAR(*read->read_float32("a \"quoted\" name"), floats, 0.0);
  EXPECT_THAT(read->read("z.bytes")->data<std::uint8_t>(), ElementsAre(1, 2, 255));
  EXPECT_EQ(read->read("empty")->shape(), Shape({0, 4}));
  EXPECT_EQ(read->metadata().at("made by"), "a test");
}

TEST(Safetensors, TheHeaderIsPaddedToEightBytes) {
  const TemporaryFolder folder;
  for (int length = 1; length <= 8; ++length) {
    const Tensor tensor = testing::random_tensor({1}, 1);
    const std::array<NamedTensor, 1> tensors = {{{std::string(length, 'n'), tensor.view()}}};
    ASSERT_TRUE(write_safetensors(folder / "a.safetensors", tensors).ok());
    std::ifstream stream(folder / "a.safetensors", std::ios::binary);
    std::uint64_t header = 0;
    stream.read(reinterpret_cast<char*>(&header), sizeof(header));
    EXPECT_EQ((sizeof(header) + header) % 64, 0U);
  }
}

TEST(Safetensors, AFailedWriteLeavesNoFile) {
  const Status status = write_safetensors("/nonexistent-folder/a.safetensors", {});
  EXPECT_EQ(status.code(), StatusCode::OutputFailed);
  const TemporaryFolder folder;
  const Tensor tensor = testing::random_tensor({1}, 1);
  const std::array<NamedTensor, 2> twice = {{{"a", tensor.view()}, {"a", tensor.view()}}};
  EXPECT_THROW((void)write_safetensors(folder / "a.safetensors", twice), ContractError);
  const std::array<NamedTensor, 1> broken = {{{"\xFF", tensor.view()}}};
  EXPECT_THROW((void)write_safetensors(folder / "a.safetensors", broken), ContractError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, RefusesHeadersThatDoNotDescribeTensors) {
  EXPECT_THAT(status_of("[1]", 0).message(), HasSubstr("not a JSON object"));
  EXPECT_THAT(status_of("{\"a\": 1}", 0).message(), HasSubstr("'a': its header entry is not an object"));
  EXPECT_THAT(status_of(R"({"a": {"shape": [1], "data_offsets": [0, 4]}})", 4).message(),
              HasSubstr("no dtype"));
  EXPECT_THAT(status_of(R"({"a": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}})", 1).message(),
              HasSubstr("dtype 'F8_E4M3' is not supported"));
  EXPECT_THAT(status_of(R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4).message(),
              HasSubstr("shape is not a list of sizes"));
  EXPECT_THAT(status_of(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 4).message(),
              HasSubstr("data_offsets are not [begin, end]"));
  EXPECT_THAT(status_of(R"({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}})", 8).message(),
              HasSubstr("takes 12 bytes, the file holds 8"));
  EXPECT_THAT(
      status_of(R"({"a": {"dtype": "F32", "shape": [1,1,1,1,1,1,1], "data_offsets": [0, 4]}})", 4).message(),
      HasSubstr("7 dimensions"));
  EXPECT_THAT(status_of(R"({"__metadata__": {"a": 1}})", 0).message(), HasSubstr("'a' is not a string"));
}

TEST(Safetensors, RefusesDataThatBelongsToNoTensor) {
  EXPECT_THAT(status_of(R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}})", 3).message(),
              HasSubstr("no tensor covers byte 0 of the 3"));
  EXPECT_THAT(status_of(R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}})", 3).message(),
              HasSubstr("no tensor covers byte 2 of the 3"));
}

TEST(Safetensors, RefusesAnEmptyShapeWhoseSizesOverflow) {
  const std::string header =
      R"({"a": {"dtype": "F32", "shape": [4611686018427387904, 16, 0], "data_offsets": [0, 0]}})";
  EXPECT_THAT(status_of(header, 0).message(), HasSubstr("overflows"));
}

}  // namespace
}  // namespace facet::io
