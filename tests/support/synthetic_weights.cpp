#include "support/synthetic_weights.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace facet::testing {
namespace {

std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

float uniform(std::uint64_t base, std::uint64_t index) {
  std::uint64_t z = base + index + 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return static_cast<float>(double(z >> 40) * 0x1p-23 - 1.0);
}

bool is_embedding(std::string_view name) {
  for (const std::string_view word :
       {"pos_embed", "rel_pos", "token", "embed.weight", "point_embeddings", "maskmem_tpos_enc", "no_mem_",
        "no_obj_", "attention_biases", "obj_ptr_tpos"}) {
    if (name.find(word) != std::string_view::npos) return true;
  }
  return false;
}

// value = offset + gain * u
struct Rule {
  float offset;
  float gain;
};

Rule rule_for(std::string_view name, const Shape& shape) {
  const std::string_view leaf = name.substr(name.rfind('.') + 1);
  if (leaf == "num_batches_tracked") return {0, 0};
  if (leaf == "positional_encoding_gaussian_matrix") return {0, 1};
  const bool pointer_matrix = shape.rank() >= 2 && name.find("obj_ptr") != std::string_view::npos;
  if (is_embedding(name) && leaf != "bias" && !pointer_matrix) return {0, 0.2F};
  if (leaf == "running_var") return {1, 0.1F};
  if (leaf == "bias" || leaf == "running_mean") return {0, 0.1F};
  if (shape.rank() <= 1) return {leaf == "gamma" ? 0.5F : 1.0F, 0.1F};
  return {0, static_cast<float>(std::sqrt(3.0 / (double(shape.numel()) / double(shape[0]))))};
}

}  // namespace

SyntheticWeights::SyntheticWeights(const std::filesystem::path& shapes, std::uint64_t seed)
    : description_("synthetic weights of " + shapes.string()), seed_(seed) {
  std::ifstream stream(shapes);
  const nlohmann::json table = nlohmann::json::parse(stream);
  for (const auto& [name, dims] : table.items()) {
    shapes_.emplace(name, Shape(std::span<const std::int64_t>(dims.get<std::vector<std::int64_t>>())));
  }
}

std::vector<std::string> SyntheticWeights::names() const {
  std::vector<std::string> names;
  for (const auto& [name, shape] : shapes_) names.push_back(name);
  return names;
}

std::optional<Shape> SyntheticWeights::shape(std::string_view name) const {
  const auto found = shapes_.find(name);
  return found == shapes_.end() ? std::nullopt : std::optional(found->second);
}

Result<Tensor> SyntheticWeights::read_float32(std::string_view name) const {
  const Shape wanted = *shape(name);
  const Rule rule = rule_for(name, wanted);
  const std::uint64_t base = fnv1a64(name) ^ (seed_ * 0x9E3779B97F4A7C15ULL);
  Tensor tensor(wanted);
  std::uint64_t index = 0;
  for (float& value : tensor.data<float>()) value = rule.offset + rule.gain * uniform(base, index++);
  return tensor;
}

}  // namespace facet::testing
