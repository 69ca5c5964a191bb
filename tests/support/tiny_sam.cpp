#include "support/tiny_sam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "io/safetensors_writer.h"

namespace facet::testing {
namespace {

constexpr std::int64_t kDim = 32;
constexpr std::int64_t kHeadDim = 16;

using Shapes = std::map<std::string, Shape, std::less<>>;

void add_linear(Shapes& shapes, const std::string& name, std::int64_t in, std::int64_t out) {
  shapes[name + ".weight"] = {out, in};
  shapes[name + ".bias"] = {out};
}

void add_norm(Shapes& shapes, const std::string& name, std::int64_t channels) {
  shapes[name + ".weight"] = {channels};
  shapes[name + ".bias"] = {channels};
}

void add_image_encoder(Shapes& shapes) {
  const std::string root = "image_encoder.";
  shapes[root + "pos_embed"] = {1, 64, 64, kDim};
  shapes[root + "patch_embed.proj.weight"] = {kDim, 3, 16, 16};
  shapes[root + "patch_embed.proj.bias"] = {kDim};
  const std::string block = root + "blocks.0.";
  add_norm(shapes, block + "norm1", kDim);
  add_linear(shapes, block + "attn.qkv", kDim, 3 * kDim);
  shapes[block + "attn.rel_pos_h"] = {27, kHeadDim};
  shapes[block + "attn.rel_pos_w"] = {27, kHeadDim};
  add_linear(shapes, block + "attn.proj", kDim, kDim);
  add_norm(shapes, block + "norm2", kDim);
  add_linear(shapes, block + "mlp.lin1", kDim, 4 * kDim);
  add_linear(shapes, block + "mlp.lin2", 4 * kDim, kDim);
  shapes[root + "neck.0.weight"] = {256, kDim, 1, 1};
  add_norm(shapes, root + "neck.1", 256);
  shapes[root + "neck.2.weight"] = {256, 256, 3, 3};
  add_norm(shapes, root + "neck.3", 256);
}

void add_prompt_encoder(Shapes& shapes) {
  const std::string root = "prompt_encoder.";
  shapes[root + "pe_layer.positional_encoding_gaussian_matrix"] = {2, 128};
  for (int i = 0; i < 4; ++i) shapes[root + "point_embeddings." + std::to_string(i) + ".weight"] = {1, 256};
  shapes[root + "not_a_point_embed.weight"] = {1, 256};
  shapes[root + "no_mask_embed.weight"] = {1, 256};
  shapes[root + "mask_downscaling.0.weight"] = {4, 1, 2, 2};
  shapes[root + "mask_downscaling.0.bias"] = {4};
  add_norm(shapes, root + "mask_downscaling.1", 4);
  shapes[root + "mask_downscaling.3.weight"] = {16, 4, 2, 2};
  shapes[root + "mask_downscaling.3.bias"] = {16};
  add_norm(shapes, root + "mask_downscaling.4", 16);
  shapes[root + "mask_downscaling.6.weight"] = {256, 16, 1, 1};
  shapes[root + "mask_downscaling.6.bias"] = {256};
}

void add_attention(Shapes& shapes, const std::string& name, std::int64_t inner) {
  for (const char* part : {"q_proj", "k_proj", "v_proj"}) add_linear(shapes, name + "." + part, 256, inner);
  add_linear(shapes, name + ".out_proj", inner, 256);
}

void add_mask_decoder(Shapes& shapes) {
  const std::string root = "mask_decoder.";
  for (int i = 0; i < 2; ++i) {
    const std::string layer = root + "transformer.layers." + std::to_string(i) + ".";
    add_attention(shapes, layer + "self_attn", 256);
    add_attention(shapes, layer + "cross_attn_token_to_image", 128);
    add_attention(shapes, layer + "cross_attn_image_to_token", 128);
    for (const char* norm : {"norm1", "norm2", "norm3", "norm4"}) add_norm(shapes, layer + norm, 256);
    add_linear(shapes, layer + "mlp.lin1", 256, 2048);
    add_linear(shapes, layer + "mlp.lin2", 2048, 256);
  }
  add_attention(shapes, root + "transformer.final_attn_token_to_image", 128);
  add_norm(shapes, root + "transformer.norm_final_attn", 256);
  shapes[root + "iou_token.weight"] = {1, 256};
  shapes[root + "mask_tokens.weight"] = {4, 256};
  shapes[root + "output_upscaling.0.weight"] = {256, 64, 2, 2};
  shapes[root + "output_upscaling.0.bias"] = {64};
  add_norm(shapes, root + "output_upscaling.1", 64);
  shapes[root + "output_upscaling.3.weight"] = {64, 32, 2, 2};
  shapes[root + "output_upscaling.3.bias"] = {32};
  for (int i = 0; i < 4; ++i) {
    const std::string mlp = root + "output_hypernetworks_mlps." + std::to_string(i) + ".layers.";
    add_linear(shapes, mlp + "0", 256, 256);
    add_linear(shapes, mlp + "1", 256, 256);
    add_linear(shapes, mlp + "2", 256, 32);
  }
  add_linear(shapes, root + "iou_prediction_head.layers.0", 256, 256);
  add_linear(shapes, root + "iou_prediction_head.layers.1", 256, 256);
  add_linear(shapes, root + "iou_prediction_head.layers.2", 256, 4);
}

}  // namespace

TinySam::TinySam() {
  add_image_encoder(shapes);
  add_prompt_encoder(shapes);
  add_mask_decoder(shapes);
}

std::vector<std::string> TinySam::names() const {
  std::vector<std::string> names;
  for (const auto& [name, shape] : shapes) names.push_back(name);
  return names;
}

std::optional<Shape> TinySam::shape(std::string_view name) const {
  const auto found = shapes.find(name);
  return found == shapes.end() ? std::nullopt : std::optional(found->second);
}

Result<Tensor> TinySam::read_float32(std::string_view name) const {
  const Shape wanted = *shape(name);
  Tensor tensor = random_tensor(wanted, std::hash<std::string_view>()(name));
  const bool norm = wanted.rank() == 1 && name.ends_with("weight");
  const auto gain = static_cast<float>(
      wanted.rank() < 2 ? 0.1 : std::sqrt(3.0 * double(wanted[0]) / double(wanted.numel())));
  for (float& value : tensor.data<float>()) value = (norm ? 1.0F : 0.0F) + value * gain;
  return tensor;
}

void write_tiny_sam(const std::filesystem::path& file) {
  const TinySam weights;
  std::vector<Tensor> tensors;
  std::vector<io::NamedTensor> named;
  tensors.reserve(weights.names().size());  // views stay valid
  for (const std::string& name : weights.names()) {
    named.push_back({name, std::as_const(tensors.emplace_back(weights.read_float32(name).value())).view()});
  }
  EXPECT_TRUE(io::write_safetensors(file, named).ok());
}

}  // namespace facet::testing
