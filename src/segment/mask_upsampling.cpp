#include "segment/mask_upsampling.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/check.h"

namespace facet::segment {
namespace {

// One step of bilinear interpolation without aligned corners: two neighbours and the share of the second.
struct Pair {
  int first;
  int second;
  float share;
};

Pair neighbours(int position, float scale, int count) {
  const float at = std::max(0.0F, (static_cast<float>(position) + 0.5F) * scale - 0.5F);
  const int first = std::min(static_cast<int>(at), count - 1);
  return {first, std::min(first + 1, count - 1), at - static_cast<float>(first)};
}

// Appends runs of equal values, in column-major order, to an RLE.
class RunWriter {
 public:
  explicit RunWriter(Size size) { rle_.size = size; }
  void append(bool value, std::size_t count) {
    if (count == 0) return;
    if (value != current_) {
      rle_.counts.push_back(static_cast<std::uint32_t>(run_));
      current_ = value;
      run_ = 0;
    }
    run_ += count;
  }
  Rle finish() && {
    rle_.counts.push_back(static_cast<std::uint32_t>(run_));
    return std::move(rle_);
  }

 private:
  Rle rle_;
  bool current_ = false;
  std::size_t run_ = 0;
};

// Calls append(value, length) for each run of equal bytes.
template <class Append>
void for_each_run(std::span<const std::uint8_t> bits, const Append& append) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  std::size_t begin = 0;
  while (begin < bits.size()) {
    const std::uint8_t value = bits[begin];
    const std::uint64_t same = value != 0 ? kOnes : 0;
    std::size_t end = begin + 1;
    while (end < bits.size() && bits[end] == value) {
      std::uint64_t word = 0;
      if (end + 8 <= bits.size()) {
        std::memcpy(&word, bits.data() + end, 8);
        if (word == same) {
          end += 8;
          continue;
        }
      }
      ++end;
    }
    append(value != 0, end - begin);
    begin = end;
  }
}

std::int64_t count_above(std::span<const float> values, float threshold) {
  std::int32_t count = 0;
  for (const float value : values) count += value > threshold ? 1 : 0;
  return count;
}

float ratio(std::int64_t inner, std::int64_t outer) {
  return outer == 0 ? 1.0F : static_cast<float>(double(inner) / double(outer));
}

}  // namespace

MaskUpsampler::MaskUpsampler(const Placement& placement, int low_res, int image_size)
    : original_(placement.original),
      low_res_(low_res),
      rows_(placement.stretched
                ? axis_taps(low_res, low_res, low_res, placement.original.height)
                : axis_taps(low_res, image_size, placement.input.height, placement.original.height)),
      across_(placement.stretched
                  ? axis_taps(low_res, low_res, low_res, placement.original.width)
                  : axis_taps(low_res, image_size, placement.input.width, placement.original.width)) {}

std::vector<MaskUpsampler::Taps> MaskUpsampler::axis_taps(int low_res, int image_size, int input,
                                                          int original) {
  const float to_square = static_cast<float>(low_res) / static_cast<float>(image_size);
  const float to_picture = static_cast<float>(input) / static_cast<float>(original);
  std::vector<Taps> taps(original);
  for (int position = 0; position < original; ++position) {
    const Pair outer = neighbours(position, to_picture, input);
    Taps& tap = taps[position];
    tap.first = std::min(neighbours(outer.first, to_square, low_res).first, low_res - 3);
    const auto add = [&](int in_square, float share) {
      const Pair inner = neighbours(in_square, to_square, low_res);
      tap.weights[inner.first - tap.first] += share * (1.0F - inner.share);
      tap.weights[inner.second - tap.first] += share * inner.share;
    };
    add(outer.first, 1.0F - outer.share);
    add(outer.second, outer.share);
  }
  return taps;
}

MaskUpsampler::Columns MaskUpsampler::stretch_columns(std::span<const float> logits) const {
  FACET_CHECK(logits.size() == std::size_t(low_res_) * low_res_,
              "mask logits hold " + std::to_string(logits.size()) + " values");
  const std::size_t height = rows_.size();
  Columns columns;
  columns.values.resize(low_res_ * height);
  columns.largest.assign(low_res_, -std::numeric_limits<float>::infinity());
  std::vector<float> line(low_res_);
  for (int x = 0; x < low_res_; ++x) {
    for (int y = 0; y < low_res_; ++y) line[y] = logits[std::size_t(y) * low_res_ + x];
    float* out = columns.values.data() + x * height;
    for (std::size_t y = 0; y < height; ++y) {
      const Taps& tap = rows_[y];
      out[y] = tap.weights[0] * line[tap.first] + tap.weights[1] * line[tap.first + 1] +
               tap.weights[2] * line[tap.first + 2];
    }
    columns.largest[x] = *std::max_element(out, out + height);
  }
  return columns;
}

void MaskUpsampler::column(const Columns& columns, int x, std::span<float> out) const {
  const Taps& tap = across_[x];
  const std::size_t height = rows_.size();
  const float* a = columns.values.data() + tap.first * height;
  const float* b = a + height;
  const float* c = b + height;
  const float wa = tap.weights[0];
  const float wb = tap.weights[1];
  const float wc = tap.weights[2];
  for (std::size_t y = 0; y < height; ++y) out[y] = wa * a[y] + wb * b[y] + wc * c[y];
}

// An interpolated value never exceeds the largest it is made from (rounding aside).
bool MaskUpsampler::may_exceed(const Columns& columns, int x, float threshold) const {
  const float* largest = columns.largest.data() + across_[x].first;
  const float most = std::max({largest[0], largest[1], largest[2]});
  return most + 1e-4F * std::abs(most) > threshold;
}

MaskUpsampler::Mask MaskUpsampler::mask(std::span<const float> logits, const Options& options) const {
  const Columns columns = stretch_columns(logits);
  const std::size_t height = rows_.size();
  const float loose = options.threshold - std::abs(options.stability_offset);
  std::vector<float> values(height);
  std::vector<std::uint8_t> bits(height);
  RunWriter runs(options.canvas);
  Mask mask;
  std::int64_t inner = 0;
  std::int64_t outer = 0;
  const std::size_t below = std::size_t(options.canvas.height) - options.top - height;
  runs.append(false, std::size_t(options.left) * options.canvas.height);
  for (int x = 0; x < original_.width; ++x) {
    if (!may_exceed(columns, x, loose)) {
      runs.append(false, options.canvas.height);
      continue;
    }
    column(columns, x, values);
    if (options.stability_offset != 0) {
      inner += count_above(values, options.threshold + options.stability_offset);
      outer += count_above(values, options.threshold - options.stability_offset);
    }
    for (std::size_t y = 0; y < height; ++y) bits[y] = values[y] > options.threshold ? 1 : 0;
    runs.append(false, options.top);
    for_each_run(bits, [&](bool value, std::size_t count) {
      runs.append(value, count);
      if (value) mask.area += std::int64_t(count);
    });
    runs.append(false, below);
  }
  runs.append(false,
              std::size_t(options.canvas.width - options.left - original_.width) * options.canvas.height);
  mask.rle = std::move(runs).finish();
  mask.stability_score = ratio(inner, outer);
  return mask;
}

float MaskUpsampler::stability_score(std::span<const float> logits, const Options& options) const {
  const Columns columns = stretch_columns(logits);
  std::vector<float> values(rows_.size());
  std::int64_t inner = 0;
  std::int64_t outer = 0;
  for (int x = 0; x < original_.width; ++x) {
    if (!may_exceed(columns, x, options.threshold - std::abs(options.stability_offset))) continue;
    column(columns, x, values);
    inner += count_above(values, options.threshold + options.stability_offset);
    outer += count_above(values, options.threshold - options.stability_offset);
  }
  return ratio(inner, outer);
}

std::vector<float> MaskUpsampler::logits(std::span<const float> logits) const {
  const Columns columns = stretch_columns(logits);
  std::vector<float> values(rows_.size());
  std::vector<float> out(rows_.size() * across_.size());
  for (int x = 0; x < original_.width; ++x) {
    column(columns, x, values);
    for (std::size_t y = 0; y < values.size(); ++y) out[y * across_.size() + x] = values[y];
  }
  return out;
}

}  // namespace facet::segment
