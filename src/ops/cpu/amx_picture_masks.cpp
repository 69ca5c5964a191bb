#include <optional>

#include "core/check.h"
#include "ops/cpu/amx_layered_picture.h"
#include "ops/cpu/amx_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/amx_picture_masks.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include "ops/cpu/amx_position_tiles-inl.h"
#include "ops/cpu/finish-inl.h"
#include "ops/cpu/picture_masks-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

class TiledPictureMasks {
 public:
  TiledPictureMasks(Context& ctx, const PictureMasksArgs& args, TensorView out)
      : args_(args),
        batch_(out.shape()[0]),
        blocks_(args.features.base.shape()[0]),
        channels_(args.gamma.shape()[0]),
        depth_(args.filters.shape()[2]),
        weight_(floats(ctx, 4, tiled_size(depth_, channels_))),
        filters_(ctx, args, out) {
    std::size_t words = 0;
    for (std::size_t i = 0; i < args.layers.size(); ++i) {
      words += tiled_size(4 * channels_, vectors_of(i));
      layer_pairs_ += paired_size(vectors_of(i));
    }
    folded_ = floats(ctx, batch_, std::max<std::size_t>(words, 1));
    ctx.team().parallel_for(std::int64_t(batch_), [&](std::int64_t b, int) {
      tile_folded(b, folded_.data<float>().data() + b * folded_.shape()[1]);
    });
    for (std::size_t part = 0; part < 4; ++part) {
      tile_rows(data_of(args.weight) + part * depth_ * channels_, depth_, channels_,
                weight_.data<float>().data() + part * weight_.shape()[1]);
    }
    scratch_.emplace(ctx, scales_size() + layer_pairs_ + features_size() + paired_size(channels_) +
                              wide_size() + filters_.block_size());
  }

  void run(Context& ctx) {
    for_blocks(ctx, batch_, blocks_, [&](std::size_t b, std::size_t block, std::size_t thread) {
      float* scales = scratch_->of(thread);
      float* layer_pairs = scales + scales_size();
      float* features = layer_pairs + layer_pairs_;
      float* pairs = features + features_size();
      float* wide = pairs + paired_size(channels_);
      float* masks = wide + wide_size();
      see_layers(b, block, scales, layer_pairs);
      const AmxTiles tiles;
      for (std::size_t sub = 0; sub < 4; ++sub) {
        project(b, sub, layer_pairs, features);
        for (std::size_t at = 0; at < kBlock; at += kLanes) {
          normalize(block, sub, scales + at, features + at, at, pairs + at);
        }
        for (std::size_t part = 0; part < 4; ++part) {
          make_sums(depth_, wide, false, products_with(weight_of(part), channels_, pairs));
          finish(data_of(args_.bias) + part * depth_, wide);
          filters_.filter(b, wide, masks + filters_.part(sub, part));
        }
      }
      filters_.interleave(b, block, masks);
    });
  }

 private:
  [[nodiscard]] std::size_t vectors_of(std::size_t layer) const {
    return args_.layers[layer].weights.shape()[2];
  }
  [[nodiscard]] const float* weight_of(std::size_t part) const {
    return std::as_const(weight_).data<float>().data() + part * weight_.shape()[1];
  }
  // Products of all scales from each layer on, one more row than there are layers.
  [[nodiscard]] static std::size_t scales_size() { return (kMostPictureLayers + 1) * kBlock; }
  [[nodiscard]] std::size_t features_size() const { return rounded_up(channels_, kTileSide) * kBlock; }
  [[nodiscard]] std::size_t wide_size() const { return rounded_up(depth_, kTileSide) * kBlock; }

  // What the layers' vectors become, [sub-pixel][channel][vector] for each layer.
  void tile_folded(std::size_t b, float* to) const {
    for (std::size_t i = 0; i < args_.layers.size(); ++i) {
      const std::size_t width = 4 * channels_;
      const std::size_t vectors = vectors_of(i);
      const float* from = data_of(args_.features.folded[i]) + b * vectors * width;
      for (std::size_t row = 0; row < width; row += kTileSide) {
        to = tile_columns(from + row, width, hn::Iota(Ints(), 0), vectors, to);
      }
    }
  }

  // The weights of the layers at a block, each times all that scales it from there on.
  void see_layers(std::size_t b, std::size_t block, float* scales, float* pairs) const {
    const Floats d;
    const std::size_t layers = args_.layers.size();
    for (std::size_t at = 0; at < kBlock; at += kLanes) {
      FloatVec product = hn::Set(d, 1.0F);
      hn::StoreU(product, d, scales + layers * kBlock + at);
      for (std::size_t i = layers; i-- > 0;) {
        const float* own = data_of(args_.layers[i].scale) + (b * blocks_ + block) * kBlock + at;
        product = hn::Mul(product, hn::LoadU(d, own));
        hn::StoreU(product, d, scales + i * kBlock + at);
      }
    }
    for (std::size_t i = 0; i < layers; ++i) {
      const std::size_t vectors = vectors_of(i);
      pair_rows<true>(data_of(args_.layers[i].weights) + (b * blocks_ + block) * vectors * kBlock,
                      scales + i * kBlock, vectors, pairs);
      pairs += paired_size(vectors);
    }
  }

  // The layers' share of the features at one sub-pixel. to [channels][kBlock]
  void project(std::size_t b, std::size_t sub, const float* pairs, float* to) const {
    const float* folded = std::as_const(folded_).data<float>().data() + b * folded_.shape()[1];
    if (args_.layers.empty()) std::fill_n(to, features_size(), 0.0F);
    for (std::size_t i = 0; i < args_.layers.size(); ++i) {
      const std::size_t vectors = vectors_of(i);
      const float* own = folded + sub * tiled_size(channels_, vectors);
      make_sums(channels_, to, i > 0, products_with(own, vectors, pairs));
      folded += tiled_size(4 * channels_, vectors);
      pairs += paired_size(vectors);
    }
  }

  // pairs = gelu(layer_norm(features)) over the channels of one sub-pixel, for kLanes positions; x, scales
  // and pairs begin at theirs.
  void normalize(std::size_t block, std::size_t sub, const float* scales, float* x, std::size_t at,
                 float* pairs) const {
    const Floats d;
    const PictureProjection& p = args_.features;
    const std::size_t first = sub * channels_;
    const std::size_t place = (block * 4 * channels_ + first) * kBlock + at;
    const BFloat16* base = halves_of(p.base) + place;
    const BFloat16* places = halves_of(p.places);
    const float* bias = data_of(p.bias);
    const FloatVec scale = hn::LoadU(d, scales);
    FloatVec sum = hn::Zero(d);
    const float* constants[kMostPictureLayers] = {};
    for (std::size_t i = 0; i < args_.layers.size(); ++i) constants[i] = data_of(p.constant[i]);
    for (std::size_t c = 0; c < channels_; ++c) {
      FloatVec value = hn::MulAdd(load(base + c * kBlock), scale, hn::LoadU(d, x + c * kBlock));
      for (std::size_t i = 0; i < kMostPictureLayers; ++i) {
        if (constants[i] == nullptr) continue;
        value = hn::MulAdd(hn::Set(d, constants[i][first + c]), hn::LoadU(d, scales + i * kBlock), value);
      }
      if (places != nullptr) value = hn::Add(value, load(places + place + c * kBlock));
      if (bias != nullptr) value = hn::Add(value, hn::Set(d, bias[first + c]));
      hn::StoreU(value, d, x + c * kBlock);
      sum = hn::Add(sum, value);
    }
    const ChannelNorm norm = channel_norm(x, channels_, sum, args_.eps);
    const float* gamma = data_of(args_.gamma);
    const float* beta = data_of(args_.beta);
    const auto channel = [&](std::size_t c) {
      if (c >= channels_) return hn::Zero(d);
      const FloatVec normalized = norm.of(hn::LoadU(d, x + c * kBlock));
      return coarse_gelu(hn::MulAdd(normalized, hn::Set(d, gamma[c]), hn::Set(d, beta[c])));
    };
    for (std::size_t c = 0; c < rounded_up(channels_, kTileDepth); c += 2, pairs += kBlock) {
      hn::StoreU(paired(channel(c), channel(c + 1)), d, pairs);
    }
  }

  // x = gelu(x + bias), [depth][kBlock]
  void finish(const float* bias, float* x) const {
    const Floats d;
    for (std::size_t i = 0; i < depth_; ++i, x += kBlock) {
      const FloatVec own = hn::Set(d, bias[i]);
      for (std::size_t at = 0; at < kBlock; at += kLanes) {
        hn::StoreU(coarse_gelu(hn::Add(hn::LoadU(d, x + at), own)), d, x + at);
      }
    }
  }

  const PictureMasksArgs& args_;
  std::size_t batch_, blocks_, channels_, depth_;
  std::size_t layer_pairs_ = 0;
  Tensor weight_;  // by tiles, of each part its own
  Tensor folded_;
  MaskFilters filters_;
  std::optional<ThreadScratch> scratch_;
};

void run_amx_picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) {
  TiledPictureMasks(ctx, args, out).run(ctx);
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace facet::ops {

void amx_picture_masks([[maybe_unused]] Context& ctx, [[maybe_unused]] const PictureMasksArgs& args,
                       [[maybe_unused]] TensorView out) {
  FACET_CHECK(has_amx_pictures(), "picture_masks: a picture in bfloat16 needs AMX");
#if (HWY_TARGETS & HWY_AVX3) != 0
  N_AVX3::run_amx_picture_masks(ctx, args, out);
#endif
}

}  // namespace facet::ops
#endif
