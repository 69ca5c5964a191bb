#include "ops/cpu/amx_tiles.h"

#include <cstdint>

#include "ops/cpu/dnnl_primitives.h"

namespace facet::ops {

bool has_amx() {
  static const bool has = dnnl_uses(dnnl_cpu_isa_avx512_core_amx);
  return has;
}

#if defined(__x86_64__)
namespace {

constexpr int kSumTiles = 4;
constexpr int kTilesOfA = 2;
constexpr int kTiles = 8;

// What ldtilecfg reads.
struct alignas(64) Configuration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t bytes_of_a_row[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(Configuration) == 64);

}  // namespace

AmxTiles::AmxTiles(std::size_t words) {
  Configuration configuration;
  for (int tile = 0; tile < kTiles; ++tile) {
    const bool is_a = tile >= kSumTiles && tile < kSumTiles + kTilesOfA;
    const bool is_b = tile >= kSumTiles + kTilesOfA;
    configuration.bytes_of_a_row[tile] = std::uint16_t(4 * (is_a ? words : kTileSide));
    configuration.rows[tile] = std::uint8_t(is_b ? words : kTileSide);
  }
  asm volatile("ldtilecfg %0" : : "m"(configuration));
}

AmxTiles::~AmxTiles() { asm volatile("tilerelease"); }
#else
AmxTiles::AmxTiles(std::size_t /*words*/) {}
AmxTiles::~AmxTiles() = default;
#endif

}  // namespace facet::ops
