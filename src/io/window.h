#pragma once

#include <cstdint>
#include <vector>

#include "io/raster.h"

namespace facet::io {

/// The two percentiles of all finite samples, interpolated linearly between ranks as numpy.percentile does.
/// Where they coincide though the samples differ, the smallest and largest sample are taken instead.
/// {0, 0} when no sample is finite.
[[nodiscard]] SampleWindow find_window(const Samples& samples, double low_percentile, double high_percentile);

/// 255 * (sample - low) / (high - low), rounded and clipped to 8 bits; `inverted` makes `low` white.
/// A window without width shows everything at or below it as black; NaN is black, or white when inverted.
[[nodiscard]] std::vector<std::uint8_t> apply_window(const Samples& samples, SampleWindow window,
                                                     bool inverted);

}  // namespace facet::io
