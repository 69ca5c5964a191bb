#include "core/heap.h"

#include <malloc.h>

namespace facet {
namespace {

constexpr int kMappedByItself = 256 << 10;
constexpr int kKeptAtTheTop = 4 << 20;

}  // namespace

void keep_large_blocks_apart() {
  mallopt(M_MMAP_THRESHOLD, kMappedByItself);
  mallopt(M_TRIM_THRESHOLD, kKeptAtTheTop);
}

}  // namespace facet
