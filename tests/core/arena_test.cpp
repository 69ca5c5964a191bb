#include "core/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>

namespace facet {
namespace {

TEST(Arena, SteadyStateKeepsItsPeak) {
  Arena arena;
  const auto run = [&arena] {
    const Tensor a = arena.make({1000, 300});
    std::optional<Tensor> b = arena.make({77, 31});
    const Tensor c = arena.make({5000});
    b.reset();
    const Tensor d = arena.make({70, 31});
  };
  run();
  const std::size_t peak = arena.peak_bytes();
  for (int i = 0; i < 10; ++i) run();
  EXPECT_EQ(arena.peak_bytes(), peak);
  EXPECT_EQ(arena.used_bytes(), 0U);
}

TEST(Arena, JoinsNeighboursThatWereGivenBack) {
  Arena arena;
  { const Tensor a = arena.make({1 << 20}), b = arena.make({1 << 20}), c = arena.make({1 << 20}); }
  const std::size_t peak = arena.peak_bytes();
  const Tensor whole = arena.make({3 << 20});
  EXPECT_EQ(arena.peak_bytes(), peak);
}

TEST(Arena, TensorOutlivesIt) {
  Tensor kept;
  {
    Arena arena;
    kept = arena.make({256});
  }
  std::memset(kept.view().raw(), 1, kept.size_bytes());
  EXPECT_EQ(kept.data<float>().size(), 256U);
}

TEST(Arena, RefusesWhatCannotBe) {
  Arena arena;
  EXPECT_THROW((void)arena.make({1LL << 40, 1LL << 40}), StatusError);
  EXPECT_THROW((void)arena.make({1LL << 40}), StatusError);
}

TEST(Arena, TrimmedPagesServeAgain) {
  Arena arena;
  { const Tensor a = arena.make({8 << 20}); }
  arena.trim();
  Tensor again = arena.make({8 << 20});
  again.data<float>()[123] = 4.0F;
  EXPECT_EQ(again.data<float>()[123], 4.0F);
}

}  // namespace
}  // namespace facet
