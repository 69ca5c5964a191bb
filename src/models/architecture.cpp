#include "models/architecture.h"

#include <array>
#include <cmath>

namespace facet::models {
namespace {

using io::WeightSource;

struct PublishedVit {
  std::int64_t dim;
  int depth;
  std::string_view name;
};
constexpr PublishedVit kPublishedVits[] = {
    {768, 12, "sam_vit_b"}, {1024, 24, "sam_vit_l"}, {1280, 32, "sam_vit_h"}, {96, 3, "sam_tiny"}};

constexpr int kTinyVitStages = 4;

// Shapes do not tell the number of heads, the windows and which blocks are global.
struct PublishedHiera {
  std::string_view name;
  HieraConfig config;
};
const std::array<PublishedHiera, 5>& published_hieras() {
  static const std::array<PublishedHiera, 5> all = {{
      {"tiny", {96, 1, {1, 2, 7, 2}, {8, 4, 14, 7}, {5, 7, 9}, {7, 7}}},
      {"small", {96, 1, {1, 2, 11, 2}, {8, 4, 14, 7}, {7, 10, 13}, {7, 7}}},
      {"base_plus", {112, 2, {2, 3, 16, 3}, {8, 4, 14, 7}, {12, 16, 20}, {14, 14}}},
      {"large", {144, 2, {2, 6, 36, 4}, {8, 4, 16, 8}, {23, 33, 43}, {7, 7}}},
      {"test", {32, 1, {1, 1, 2, 1}, {8, 4, 14, 7}, {3}, {7, 7}}},  // small, for tests
  }};
  return all;
}

std::optional<std::int64_t> dim_of(const WeightSource& source, const std::string& name, int axis) {
  const std::optional<Shape> shape = source.shape(name);
  if (!shape || axis >= shape->rank() || (*shape)[axis] <= 0) return std::nullopt;
  return (*shape)[axis];
}

// How many of prefix0suffix, prefix1suffix, ... there are.
int count_of(const WeightSource& source, const std::string& prefix, const std::string& suffix) {
  int count = 0;
  while (source.shape(prefix + std::to_string(count) + suffix)) ++count;
  return count;
}

Status unknown(const WeightSource& source, const std::string& why) {
  std::string names;
  std::size_t listed = 0;
  for (const std::string& name : source.names()) {
    if (++listed > 5) break;
    names += (listed > 1 ? ", " : "") + name;
  }
  if (listed == 0) names = "no tensors at all";
  return {StatusCode::BadModel, source.describe() + " is not a SAM, MobileSAM or SAM 2 checkpoint: " + why +
                                    "; it holds " + names + (listed > 5 ? ", ..." : "")};
}

Result<Architecture> recognise_vit(const WeightSource& source) {
  const std::string blocks = "image_encoder.blocks.";
  VitConfig config;
  const auto dim = dim_of(source, "image_encoder.pos_embed", 3);
  const auto grid = dim_of(source, "image_encoder.pos_embed", 1);
  const auto patch = dim_of(source, "image_encoder.patch_embed.proj.weight", 2);
  const auto head_dim = dim_of(source, blocks + "0.attn.rel_pos_h", 1);
  config.depth = count_of(source, blocks, ".norm1.weight");
  if (!dim || !grid || !patch || !head_dim || config.depth == 0) {
    return unknown(source, "its ViT encoder has no usable pos_embed, patch_embed, rel_pos_h or blocks");
  }
  if (*dim % *head_dim != 0 || *dim > 1 << 14 || *grid != 64 || *patch != 16) {
    return unknown(source, "pos_embed is " + source.shape("image_encoder.pos_embed")->to_string() +
                               " with heads of " + std::to_string(*head_dim) + " and patches of " +
                               std::to_string(*patch) + "; expected a grid of 64 and patches of 16");
  }
  config.dim = *dim;
  config.grid = int(*grid);
  config.patch = int(*patch);
  config.heads = int(*dim / *head_dim);
  config.global_blocks.clear();
  for (int i = 0; i < config.depth; ++i) {
    const auto positions = dim_of(source, blocks + std::to_string(i) + ".attn.rel_pos_h", 0);
    if (positions == 2 * *grid - 1) {
      config.global_blocks.push_back(i);
    } else if (positions) {
      config.window = int((*positions + 1) / 2);
    }
  }
  Architecture architecture{"sam_vit_" + std::to_string(config.dim) + "x" + std::to_string(config.depth),
                            config};
  for (const PublishedVit& known : kPublishedVits) {
    if (known.dim == config.dim && known.depth == config.depth) architecture.name = known.name;
  }
  return architecture;
}

Result<Architecture> recognise_tiny_vit(const WeightSource& source) {
  TinyVitConfig config;
  config.stages.clear();
  for (int i = 0; i < kTinyVitStages; ++i) {
    const std::string layer = "image_encoder.layers." + std::to_string(i) + ".";
    const bool convolutional = i == 0;
    const std::string probe = convolutional ? ".conv3.c.weight" : ".attn.proj.weight";
    TinyVitStage stage;
    stage.depth = count_of(source, layer + "blocks.", probe);
    const auto dim = dim_of(source, layer + "blocks.0" + probe, 0);
    if (!dim || stage.depth == 0) return unknown(source, "its TinyViT encoder has no blocks under " + layer);
    stage.dim = *dim;
    if (!convolutional) {
      const auto heads = dim_of(source, layer + "blocks.0.attn.attention_biases", 0);
      const auto area = dim_of(source, layer + "blocks.0.attn.attention_biases", 1);
      if (!heads || !area || stage.dim % *heads != 0 || *area > 64 * 64) {
        return unknown(source, layer + "blocks.0.attn.attention_biases does not fit " +
                                   std::to_string(stage.dim) + " channels");
      }
      stage.heads = int(*heads);
      stage.window = int(std::lround(std::sqrt(double(*area))));
    }
    config.stages.push_back(stage);
  }
  return Architecture{"mobile_sam", config};
}

// Blocks of each stage: a stage ends where the width doubles.
std::optional<std::array<int, 4>> hiera_stages(const WeightSource& source) {
  std::array<int, 4> stages = {0, 0, 0, 0};
  const std::string blocks = "image_encoder.trunk.blocks.";
  auto width = dim_of(source, blocks + "0.attn.proj.weight", 0);
  int stage = 0;
  for (int i = 0; i < count_of(source, blocks, ".attn.proj.weight"); ++i) {
    const auto own = dim_of(source, blocks + std::to_string(i) + ".attn.proj.weight", 0);
    if (own != width && ++stage == 4) return std::nullopt;
    width = own;
    ++stages[stage];
  }
  return stages;
}

Result<Architecture> recognise_hiera(const WeightSource& source) {
  const auto dim = dim_of(source, "image_encoder.trunk.pos_embed", 1);
  const auto stages = hiera_stages(source);
  // SAM 2.1 learnt where object pointers stand in time, SAM 2 did not.
  const bool is_2_1 = source.shape("obj_ptr_tpos_proj.weight").has_value();
  for (const PublishedHiera& known : published_hieras()) {
    if (dim != known.config.dim || stages != known.config.stages) continue;
    return Architecture{(is_2_1 ? "sam2.1_hiera_" : "sam2_hiera_") + std::string(known.name), known.config};
  }
  return unknown(source, "its Hiera encoder of width " + std::to_string(dim.value_or(0)) +
                             " is none of tiny, small, base_plus and large");
}

}  // namespace

Result<Architecture> recognise(const WeightSource& source) {
  if (source.shape("image_encoder.trunk.pos_embed") && source.shape("sam_mask_decoder.iou_token.weight")) {
    return recognise_hiera(source);
  }
  if (!source.shape("mask_decoder.iou_token.weight")) {
    return unknown(source, "it has no mask_decoder.iou_token.weight");
  }
  if (source.shape("image_encoder.pos_embed")) return recognise_vit(source);
  if (source.shape("image_encoder.layers.0.blocks.0.conv1.c.weight")) return recognise_tiny_vit(source);
  return unknown(source, "it has neither a ViT nor a TinyViT under image_encoder");
}

}  // namespace facet::models
