#include "io/checkpoint_files.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "support/paths.h"

namespace facet::io {
namespace {

const std::map<std::string, Shape> kShapes = {{"a.weight", {3, 4}},
                                              {"a.bias", {3}},
                                              {"scalar.num_batches_tracked", Shape{}},
                                              {"conv.weight", {2, 3, 1, 1}}};

}  // namespace

std::vector<std::uint8_t> test_file(const std::string& name) {
  std::ifstream stream(testing::source_path("tests/io/data/" + name), std::ios::binary);
  EXPECT_TRUE(stream.good()) << name;
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::map<std::string, std::vector<float>> expected_values() {
  const std::vector<std::uint8_t> text = test_file("expected.json");
  return nlohmann::json::parse(text).get<std::map<std::string, std::vector<float>>>();
}

::testing::AssertionResult holds_expected_values(const Checkpoint& checkpoint) {
  const auto expected = expected_values();
  if (checkpoint.tensors().size() != expected.size()) {
    return ::testing::AssertionFailure() << checkpoint.tensors().size() << " tensors";
  }
  for (const auto& [name, values] : expected) {
    const Result<Tensor> tensor = checkpoint.read_float32(name);
    if (!tensor.ok()) return ::testing::AssertionFailure() << tensor.status().message();
    if (tensor->shape() != kShapes.at(name)) {
      return ::testing::AssertionFailure() << name << " is " << tensor->shape().to_string();
    }
    const auto found = tensor->data<float>();
    if (!std::equal(found.begin(), found.end(), values.begin(), values.end())) {
      return ::testing::AssertionFailure() << name << " has other values";
    }
  }
  return ::testing::AssertionSuccess();
}

Status read_everything(std::vector<std::uint8_t> bytes) {
  const Result<Checkpoint> checkpoint = Checkpoint::from_bytes(std::move(bytes), "memory");
  if (!checkpoint.ok()) return checkpoint.status();
  for (const auto& [name, record] : checkpoint->tensors()) {
    EXPECT_TRUE(checkpoint->read(name).ok());
    EXPECT_TRUE(checkpoint->read_float32(name).ok());
  }
  return {};
}

}  // namespace facet::io
