#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_layered_picture.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include "ops/cpu/layered_rows-inl.h"
#include "ops/cpu/simd.h"
#include "ops/cpu/transposed-inl.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

void run_project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) {
  const std::size_t batch = out.shape()[0];
  const std::size_t blocks = out.shape()[1];
  const std::size_t width = out.shape()[2];
  float* to = out.data<float>().data();
  const DirectRows rows(ctx, args.layers, args.projection, batch);
  for_blocks(ctx, batch, blocks, [&](std::size_t b, std::size_t block, std::size_t) {
    float* own = to + (b * blocks + block) * width * kBlock;
    for (std::size_t at = 0; at < kBlock; at += kSpan) {
      for_rows(0, width, [&](auto count, std::size_t row) {
        FloatVec sum[count][kVecs];
        rows[b].tile<count>(block, at, row, sum);
        store<count>(sum, own + row * kBlock + at);
      });
    }
  });
}

void run_fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads,
                     TensorView out) {
  const std::size_t count = tokens.shape()[1];
  const std::size_t inner = tokens.shape()[2];
  const std::size_t dim = inner / heads;
  const std::size_t width = matrix.shape()[1];
  const std::size_t vectors = count * heads;
  const float* from = data_of(tokens);
  const float* weights = data_of(matrix);
  float* to = out.data<float>().data();
  const Floats d;
  ctx.team().parallel_for(tokens.shape()[0] * std::int64_t(vectors), [&](std::int64_t item, int) {
    const std::size_t v = item % vectors;
    const std::size_t first = v / count * dim;
    const float* token = from + (item / vectors * count + v % count) * inner + first;
    float* row = to + item * width;
    std::size_t at = 0;
    for (; at + kLanes <= width; at += kLanes) {
      FloatVec sum = hn::Zero(d);
      for (std::size_t i = 0; i < dim; ++i) {
        sum = hn::MulAdd(hn::Set(d, token[i]), hn::LoadU(d, weights + (first + i) * width + at), sum);
      }
      hn::StoreU(sum, d, row + at);
    }
    for (; at < width; ++at) {
      row[at] = 0;
      for (std::size_t i = 0; i < dim; ++i) row[at] += token[i] * weights[(first + i) * width + at];
    }
  });
}

void run_weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) {
  const std::size_t tokens = args.keys.shape()[1];
  const std::size_t blocks = out.shape()[1];
  const std::size_t vectors = out.shape()[2];
  PromptRows rows(ctx, args.layers, args.queries, args.keys, args.heads, args.scale);
  float* to = out.data<float>().data();
  for_blocks(ctx, out.shape()[0], blocks, [&](std::size_t b, std::size_t block, std::size_t) {
    float* own = to + (b * blocks + block) * vectors * kBlock;
    for (std::size_t at = 0; at < kBlock; at += kSpan) {
      for (std::size_t first = 0; first < vectors; first += tokens) {
        for_rows(first, first + tokens, [&](auto count, std::size_t row) {
          FloatVec sum[count][kVecs];
          rows[b].tile<count>(block, at, row, sum);
          store<count>(sum, own + row * kBlock + at);
        });
        softmax_rows(own + first * kBlock + at, tokens, own + first * kBlock + at);
      }
    }
  });
}

void run_squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) {
  const Floats d;
  const std::size_t batch = out.shape()[0];
  const std::size_t positions = out.shape()[1];
  const std::size_t blocks = args.weights.shape()[1];
  const std::size_t tokens = args.values.shape()[1];
  const std::size_t vectors = args.weights.shape()[2];
  const LengthRows rows(ctx, args);
  const float* start = data_of(args.start);
  float* to = out.data<float>().data();
  for_blocks(ctx, batch, blocks, [&](std::size_t b, std::size_t block, std::size_t) {
    const float* weights = data_of(args.weights) + (b * blocks + block) * vectors * kBlock;
    const std::size_t place = block * kBlock;
    for (std::size_t at = 0; at < kBlock; at += kSpan) {
      FloatVec length[kVecs];
      for (int v = 0; v < kVecs; ++v) {
        length[v] =
            hn::LoadU(d, start + (args.start.shape()[0] == 1 ? 0 : b * positions) + place + at + v * kLanes);
      }
      for (std::size_t first = 0; first < vectors; first += tokens) {
        for_rows(first, first + tokens, [&](auto count, std::size_t row) {
          FloatVec sum[count][kVecs];
          rows.prompts[b].tile<count>(block, at, row, sum);
          add_products<count>(sum, weights + row * kBlock + at, length);
        });
      }
      for (int v = 0; v < kVecs; ++v) {
        hn::StoreU(length[v], d, to + b * positions + place + at + v * kLanes);
      }
    }
  });
}

// Positions [kBlock][stride] -> [width][kBlock]
void transpose_block(const float* from, std::size_t stride, std::size_t width, float* to) {
  for (std::size_t n = 0; n < kBlock; n += kLanes) {
    const float* rows[kLanes] = {};
    for (std::size_t lane = 0; lane < kLanes; ++lane) rows[lane] = from + (n + lane) * stride;
    load_transposed(rows, width, to + n, kBlock);
  }
}

void run_to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out) {
  const std::size_t stride = x.shape()[1];
  const std::size_t width = out.shape()[1];
  const float* from = data_of(x) + first;
  const bool narrow = out.dtype() == DType::BFloat16;
  Tensor scratch = floats(ctx, ctx.team().size(), narrow ? width * kBlock : 1);
  ctx.team().parallel_for(out.shape()[0], [&](std::int64_t block, int thread) {
    const float* rows = from + block * kBlock * stride;
    const std::size_t place = block * kBlock * width;
    if (!narrow) return transpose_block(rows, stride, width, out.data<float>().data() + place);
    float* own = scratch.data<float>().data() + thread * width * kBlock;
    transpose_block(rows, stride, width, own);
    BFloat16* to = out.data<BFloat16>().data() + place;
    for (std::size_t i = 0; i < width * kBlock; i += kLanes) store(load(own + i), to + i);
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_project_picture);
HWY_EXPORT(run_fold_tokens);
HWY_EXPORT(run_weigh_tokens);
HWY_EXPORT(run_squared_length);
HWY_EXPORT(run_to_position_blocks);

void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_project_picture)(ctx, args, out);
}

void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_fold_tokens)(ctx, tokens, matrix, heads, out);
}

void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_weigh_tokens)(ctx, args, out);
}

void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_squared_length)(ctx, args, out);
}

void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_to_position_blocks)(ctx, x, first, out);
}

}  // namespace facet::ops::simd
#endif
