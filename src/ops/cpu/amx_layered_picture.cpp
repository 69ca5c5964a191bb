#include "ops/cpu/amx_layered_picture.h"

#include "core/check.h"
#include "ops/cpu/amx_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/amx_layered_picture.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include "ops/cpu/amx_layered_rows-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

void run_amx_weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) {
  const std::size_t tokens = args.keys.shape()[1];
  const std::size_t blocks = out.shape()[1];
  const std::size_t vectors = out.shape()[2];
  PromptRows prompts(ctx, args.layers, args.queries, args.keys, args.heads, args.scale);
  TiledRowsOfPrompts rows(ctx, prompts, args.queries, 1);
  float* to = out.data<float>().data();
  for_blocks(ctx, out.shape()[0], blocks, [&](std::size_t b, std::size_t block, std::size_t thread) {
    const float* scores = rows.at(b, block, thread);
    float* own = to + (b * blocks + block) * vectors * kBlock;
    for (std::size_t first = 0; first < vectors; first += tokens) {
      softmax_rows(scores + rows.place(first) * kBlock, tokens, own + first * kBlock);
    }
  });
}

void run_amx_squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) {
  const Floats d;
  const std::size_t positions = out.shape()[1];
  const std::size_t blocks = args.weights.shape()[1];
  const std::size_t vectors = args.weights.shape()[2];
  const LengthRows lengths(ctx, args);
  TiledRowsOfPrompts rows(ctx, lengths.prompts, args.rest, 1);
  const float* start = data_of(args.start);
  float* to = out.data<float>().data();
  for_blocks(ctx, out.shape()[0], blocks, [&](std::size_t b, std::size_t block, std::size_t thread) {
    const float* products = rows.at(b, block, thread);
    const float* weights = data_of(args.weights) + (b * blocks + block) * vectors * kBlock;
    const float* own_start = start + (args.start.shape()[0] == 1 ? 0 : b * positions) + block * kBlock;
    FloatVec length[kVecs];
    for (int v = 0; v < kVecs; ++v) length[v] = hn::LoadU(d, own_start + v * kLanes);
    for (std::size_t row = 0; row < vectors; ++row) {
      const float* own = products + rows.place(row) * kBlock;
      for (int v = 0; v < kVecs; ++v) {
        const FloatVec weight = hn::LoadU(d, weights + row * kBlock + v * kLanes);
        length[v] = hn::MulAdd(hn::LoadU(d, own + v * kLanes), weight, length[v]);
      }
    }
    for (int v = 0; v < kVecs; ++v) {
      hn::StoreU(length[v], d, to + b * positions + block * kBlock + v * kLanes);
    }
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace facet::ops {

bool has_amx_pictures() { return (HWY_TARGETS & HWY_AVX3) != 0 && has_amx(); }

void amx_weigh_tokens([[maybe_unused]] Context& ctx, [[maybe_unused]] const WeighTokensArgs& args,
                      [[maybe_unused]] TensorView out) {
  FACET_CHECK(has_amx_pictures(), "weigh_tokens: a picture in bfloat16 needs AMX");
#if (HWY_TARGETS & HWY_AVX3) != 0
  N_AVX3::run_amx_weigh_tokens(ctx, args, out);
#endif
}

void amx_squared_length([[maybe_unused]] Context& ctx, [[maybe_unused]] const SquaredLengthArgs& args,
                        [[maybe_unused]] TensorView out) {
  FACET_CHECK(has_amx_pictures(), "squared_length: a picture in bfloat16 needs AMX");
#if (HWY_TARGETS & HWY_AVX3) != 0
  N_AVX3::run_amx_squared_length(ctx, args, out);
#endif
}

}  // namespace facet::ops
#endif
