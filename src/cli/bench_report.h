#pragma once

#include <optional>
#include <string>

#include "cli/bench_run.h"

namespace facet::cli {

/// Facet and a peer, in turns: the median of each turn.
struct PeerComparison {
  std::string peer;  ///< "onnxruntime-node 1.30.0"
  Samples facet;
  Samples other;
  std::int64_t other_peak_bytes = 0;
  [[nodiscard]] double ratio() const { return other.empty() ? 0 : facet.median() / other.median(); }
};

/// What `facet bench` tells, and on what it ran.
struct BenchDocument {
  std::string picture;  ///< its path, "drawn", or how many
  Size size;            ///< of the first one
  int threads = 0;
  bool pinned = false;
  BenchReport report;
  std::optional<PeerComparison> comparison;
};

[[nodiscard]] std::string bench_text(const BenchDocument& document);
[[nodiscard]] std::string bench_json(const BenchDocument& document);

}  // namespace facet::cli
