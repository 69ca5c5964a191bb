#include "ops/ref/reference_subpixel_masks.h"

#include <cmath>
#include <vector>

namespace facet::ops {
namespace {

double gelu(double value) { return 0.5 * value * (1.0 + std::erf(value * M_SQRT1_2)); }

std::vector<double> normed(const float* row, const SubpixelMasksArgs& args) {
  const std::int64_t channels = args.x.shape()[2];
  double mean = 0;
  double variance = 0;
  for (std::int64_t c = 0; c < channels; ++c) mean += double(row[c]) / double(channels);
  for (std::int64_t c = 0; c < channels; ++c)
    variance += (row[c] - mean) * (row[c] - mean) / double(channels);
  std::vector<double> out(channels);
  for (std::int64_t c = 0; c < channels; ++c) {
    const double unit = (row[c] - mean) / std::sqrt(variance + args.eps);
    out[c] = gelu(unit * args.gamma.data<float>()[c] + args.beta.data<float>()[c]);
  }
  return out;
}

}  // namespace

void reference_subpixel_masks(const SubpixelMasksArgs& args, TensorView out) {
  const Shape& x = args.x.shape();
  const std::int64_t depth = args.filters.shape()[2];
  const std::int64_t masks = args.filters.shape()[1];
  const std::int64_t width = out.shape()[3];
  for (std::int64_t at = 0; at < x[0] * x[1]; ++at) {
    const std::int64_t batch = at / x[1];
    const std::int64_t place = at % x[1];  // (y, x, dy, dx)
    const std::vector<double> row = normed(args.x.data<float>().data() + at * x[2], args);
    for (std::int64_t part = 0; part < 4; ++part) {  // (ey, ex)
      std::vector<double> z(depth);
      for (std::int64_t d = 0; d < depth; ++d) {
        z[d] = args.bias.data<float>()[part * depth + d];
        if (!args.skip.empty()) z[d] += args.skip.data<float>()[(place * 4 + part) * depth + d];
        for (std::int64_t c = 0; c < x[2]; ++c) {
          z[d] += row[c] * args.weight.data<float>()[(part * depth + d) * x[2] + c];
        }
        z[d] = gelu(z[d]);
      }
      const std::int64_t pixel = place / 4;
      const std::int64_t y = pixel / (width / 4) * 4 + place % 4 / 2 * 2 + part / 2;
      const std::int64_t column = pixel % (width / 4) * 4 + place % 2 * 2 + part % 2;
      for (std::int64_t m = 0; m < masks; ++m) {
        double sum = 0;
        for (std::int64_t d = 0; d < depth; ++d) {
          sum += z[d] * args.filters.data<float>()[(batch * masks + m) * depth + d];
        }
        out.data<float>()[((batch * masks + m) * out.shape()[2] + y) * width + column] =
            static_cast<float>(sum);
      }
    }
  }
}

}  // namespace facet::ops
