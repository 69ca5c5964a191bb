// Files cut at every byte and files with bytes changed: an error or tensors, never a crash. The sanitizers of
// the asan preset are what makes this test strict.
#include <gtest/gtest.h>

#include <random>

#include "io/checkpoint.h"
#include "io/checkpoint_files.h"
#include "io/onnx_bytes.h"

namespace facet::io {
namespace {

constexpr int kMutationsPerFile = 1500;

class DamagedCheckpoint : public ::testing::TestWithParam<const char*> {};

std::vector<std::uint8_t> content(const std::string& name) {
  return name == "onnx" ? sample_onnx() : test_file(name);
}

TEST_P(DamagedCheckpoint, CutAtAnyByteIsRefusedOrComplete) {
  const std::vector<std::uint8_t> whole = content(GetParam());
  const Result<Checkpoint> reference = Checkpoint::from_bytes(whole, "whole");
  ASSERT_TRUE(reference.ok()) << reference.status().message();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<Checkpoint> cut =
        Checkpoint::from_bytes({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}, "cut");
    if (!cut.ok()) {
      EXPECT_EQ(cut.status().code(), StatusCode::BadModel);
      continue;
    }
    ASSERT_EQ(cut->names(), reference->names()) << size;
    for (const std::string& name : cut->names()) {
      const Result<Tensor> found = cut->read_float32(name);
      const Result<Tensor> wanted = reference->read_float32(name);
      ASSERT_TRUE(found.ok() && wanted.ok());
      EXPECT_TRUE(std::ranges::equal(found->data<float>(), wanted->data<float>())) << name << " at " << size;
    }
  }
}

TEST_P(DamagedCheckpoint, ChangedBytesNeverCrash) {
  const std::vector<std::uint8_t> whole = content(GetParam());
  std::mt19937 random(20240501);
  int refused = 0;
  for (int round = 0; round < kMutationsPerFile; ++round) {
    std::vector<std::uint8_t> bytes = whole;
    const unsigned changes = 1 + random() % 4;
    for (unsigned i = 0; i < changes; ++i) {
      std::uint8_t& byte = bytes[random() % bytes.size()];
      constexpr std::uint8_t kEdges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
      byte = random() % 2 == 0 ? static_cast<std::uint8_t>(random()) : kEdges[random() % 5];
    }
    const Status status = read_everything(std::move(bytes));
    if (status.ok()) continue;
    EXPECT_EQ(status.code(), StatusCode::BadModel);
    ++refused;
  }
  EXPECT_GT(refused, kMutationsPerFile / 10);  // the changes do reach what is checked
}

INSTANTIATE_TEST_SUITE_P(Containers, DamagedCheckpoint,
                         ::testing::Values("zip.pt", "legacy.pt", "nested_model.pt", "nested_extra.pt",
                                           "parameters.pt", "plain.safetensors", "dtypes.pt", "views.pt",
                                           "onnx"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace facet::io
