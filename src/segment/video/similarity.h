#pragma once

#include <complex>
#include <optional>
#include <vector>

#include "facet/image.h"

namespace facet::segment {

/// Moves, turns and scales: to = turn * from + shift, points taken as complex numbers x + iy.
struct Similarity {
  std::complex<double> turn{1, 0};  ///< its absolute value is the scale
  std::complex<double> shift{0, 0};

  [[nodiscard]] Point apply(Point from) const;
  /// Where a point came from.
  [[nodiscard]] Point undo(Point to) const;
};

/// The similarity that the most pairs follow within `tolerance_px`, fitted to those by least squares. Pairs
/// that move otherwise (another object, a mismatch) have no say. The same input gives the same result.
/// Nothing for fewer than two pairs.   Errors  ContractError when the lists differ in length
[[nodiscard]] std::optional<Similarity> fit_similarity(const std::vector<Point>& from,
                                                       const std::vector<Point>& to, double tolerance_px);

}  // namespace facet::segment
