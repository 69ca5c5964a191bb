// Tiles of a picture in blocks of positions (ops/layered_picture.h): a few rows of values by as many
// positions as the registers hold; included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_POSITION_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_POSITION_TILES_INL_H_
#undef FACET_OPS_CPU_POSITION_TILES_INL_H_
#else
#define FACET_OPS_CPU_POSITION_TILES_INL_H_
#endif

#include <cstddef>
#include <type_traits>

#include "ops/cpu/simd-inl.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

constexpr std::size_t kBlock = std::size_t(kPositionBlock);
// A tile is as large as leaves registers for its operands: 16 sums of 32, or 12 of 16.
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON;
constexpr int kRows = kManyRegisters ? 4 : 6;
constexpr int kVecs = kManyRegisters ? 4 : 2;
constexpr std::size_t kSpan = kVecs * kLanes;

static_assert(kBlock % kSpan == 0);

inline const float* data_of(ConstTensorView tensor) {
  return tensor.empty() ? nullptr : tensor.data<float>().data();
}

template <int rows, class Body>
HWY_INLINE void call_with_rows(std::size_t count, std::size_t row, const Body& body) {
  if constexpr (rows > 0) {
    if (count == rows) return body(std::integral_constant<int, rows>(), row);
    call_with_rows<rows - 1>(count, row, body);
  }
}

// Calls body(std::integral_constant<int, rows>, row) for the rows [begin, end), in as few tiles as they fill,
// whose sizes differ by one at most.
template <class Body>
HWY_INLINE void for_rows(std::size_t begin, std::size_t end, const Body& body) {
  for (std::size_t tiles = (end - begin + kRows - 1) / kRows; tiles > 0; --tiles) {
    const std::size_t count = (end - begin + tiles - 1) / tiles;
    call_with_rows<kRows>(count, begin, body);
    begin += count;
  }
}

// A matrix of `depth` columns by the tiles of for_rows: [tile][depth][rows of the tile], a tile's first row
// being `row` at to + row * depth. from(row, k) is an element.
template <class From>
void pack_tiles(std::size_t rows, std::size_t depth, const From& from, float* to) {
  for_rows(0, rows, [&](auto count, std::size_t row) {
    for (std::size_t k = 0; k < depth; ++k) {
      for (std::size_t r = 0; r < count; ++r) *to++ = from(row + r, k);
    }
  });
}

// sum[r][v] += sum over k of a[k * lda + r] * b[k * kBlock + v]
template <int rows>
FACET_INNERMOST void accumulate(const float* HWY_RESTRICT a, std::size_t lda, const float* HWY_RESTRICT b,
                                std::size_t depth, FloatVec (&sum)[rows][kVecs]) {
  const Floats d;
  for (std::size_t k = 0; k < depth; ++k) {
    FloatVec column[kVecs];
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) column[v] = hn::LoadU(d, b + k * kBlock + v * kLanes);
    FACET_UNROLL
    for (int r = 0; r < rows; ++r) {
      const FloatVec factor = hn::Set(d, a[k * lda + r]);
      FACET_UNROLL
      for (int v = 0; v < kVecs; ++v) sum[r][v] = hn::MulAdd(factor, column[v], sum[r][v]);
    }
  }
}

template <int rows>
HWY_INLINE void clear(FloatVec (&sum)[rows][kVecs]) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) sum[r][v] = hn::Zero(Floats());
  }
}

template <int rows>
HWY_INLINE void add_constants(const float* constants, FloatVec (&sum)[rows][kVecs]) {
  if (constants == nullptr) return;
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    const FloatVec constant = hn::Set(Floats(), constants[r]);
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) sum[r][v] = hn::Add(sum[r][v], constant);
  }
}

template <int rows>
HWY_INLINE void scale_by(const float* scale, FloatVec (&sum)[rows][kVecs]) {
  FACET_UNROLL
  for (int v = 0; v < kVecs; ++v) {
    const FloatVec factor = hn::LoadU(Floats(), scale + v * kLanes);
    FACET_UNROLL
    for (int r = 0; r < rows; ++r) sum[r][v] = hn::Mul(sum[r][v], factor);
  }
}

template <int rows>
HWY_INLINE void store(const FloatVec (&sum)[rows][kVecs], float* to) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) hn::StoreU(sum[r][v], Floats(), to + r * kBlock + v * kLanes);
  }
}

template <int rows>
HWY_INLINE void apply_gelu(FloatVec (&sum)[rows][kVecs]) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) sum[r][v] = gelu(sum[r][v]);
  }
}

// total[v] += sum over rows of sum[r][v] * weights[r][v]
template <int rows>
HWY_INLINE void add_products(const FloatVec (&sum)[rows][kVecs], const float* weights,
                             FloatVec (&total)[kVecs]) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) {
      total[v] = hn::MulAdd(sum[r][v], hn::LoadU(Floats(), weights + r * kBlock + v * kLanes), total[v]);
    }
  }
}

// Blocks outside, prompts inside: what depends on the picture alone stays in the caches.
template <class Body>
void for_blocks(Context& ctx, std::size_t batch, std::size_t blocks, const Body& body) {
  ctx.team().parallel_for(std::int64_t(batch * blocks), [&](std::int64_t item, int thread) {
    body(std::size_t(item) % batch, std::size_t(item) / batch, std::size_t(thread));
  });
}

inline Tensor floats(Context& ctx, std::size_t rows, std::size_t each) {
  return ctx.make({std::int64_t(rows), std::int64_t(each)});
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
