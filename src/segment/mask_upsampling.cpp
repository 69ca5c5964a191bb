#include "segment/mask_upsampling.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "core/check.h"

namespace facet::segment {
namespace {

// With fewer masks than this for each thread, threads share masks.
constexpr std::int64_t kMasksThatFillAThread = 4;

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
  void append(bool value, std::size_t count) {
    if (count == 0) return;
    if (value != current_) {
      counts_.push_back(static_cast<std::uint32_t>(run_));
      current_ = value;
      run_ = 0;
    }
    run_ += count;
  }
  // What another has written.
  void append(std::span<const std::uint32_t> counts) {
    for (std::size_t i = 0; i < counts.size(); ++i) append(i % 2 != 0, counts[i]);
  }
  std::vector<std::uint32_t> finish() && {
    counts_.push_back(static_cast<std::uint32_t>(run_));
    return std::move(counts_);
  }

 private:
  std::vector<std::uint32_t> counts_;
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

// The tight box around ones that are told column by column.
class BoxOfColumns {
 public:
  void add(int x, int y_begin, int y_end) {
    x_begin_ = std::min(x_begin_, x);
    x_end_ = x + 1;
    y_begin_ = std::min(y_begin_, y_begin);
    y_end_ = std::max(y_end_, y_end);
  }
  // Columns to the right of these.
  void add(const BoxOfColumns& right) {
    if (right.x_end_ == 0) return;
    add(right.x_begin_, right.y_begin_, right.y_end_);
    x_end_ = right.x_end_;
  }
  [[nodiscard]] BoxXywh box() const {
    if (x_end_ == 0) return {};
    return {x_begin_, y_begin_, x_end_ - x_begin_, y_end_ - y_begin_};
  }

 private:
  int x_begin_ = std::numeric_limits<int>::max();
  int x_end_ = 0;
  int y_begin_ = std::numeric_limits<int>::max();
  int y_end_ = 0;
};

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

MaskUpsampler::Part MaskUpsampler::part_above(std::span<const float> logits, float threshold) const {
  FACET_CHECK(logits.size() == std::size_t(low_res_) * low_res_,
              "mask logits hold " + std::to_string(logits.size()) + " values");
  const float cutoff = threshold - 2e-4F * std::abs(threshold);  // rounding may lift a value a little
  std::vector<std::uint8_t> columns(low_res_, 0);
  std::vector<std::uint8_t> rows(low_res_, 0);
  for (int y = 0; y < low_res_; ++y) {
    const float* row = logits.data() + std::size_t(y) * low_res_;
    std::uint8_t any = 0;
    for (int x = 0; x < low_res_; ++x) {
      const std::uint8_t above = row[x] > cutoff ? 1 : 0;
      columns[x] |= above;
      any |= above;
    }
    rows[y] = any;
  }
  const auto reached = [](const std::vector<Taps>& taps, const std::vector<std::uint8_t>& above) {
    const auto reaches = [&](const Taps& tap) {
      return (above[tap.first] | above[tap.first + 1] | above[tap.first + 2]) != 0;
    };
    const auto first = std::find_if(taps.begin(), taps.end(), reaches);
    const auto last = std::find_if(taps.rbegin(), std::make_reverse_iterator(first), reaches);
    return Range{int(first - taps.begin()), int(last.base() - taps.begin())};
  };
  return {reached(across_, columns), reached(rows_, rows)};
}

const MaskUpsampler::Columns& MaskUpsampler::stretch_columns(std::span<const float> logits,
                                                             const Part& part) const {
  thread_local Columns columns;
  if (part.columns.size() == 0) return columns;
  columns.columns = {across_[part.columns.begin].first, across_[part.columns.end - 1].first + 3};
  columns.rows = part.rows;
  const int width = columns.columns.size();
  const std::size_t height = columns.rows.size();
  columns.values.resize(width * height);
  std::vector<float> line(width);
  for (std::size_t y = 0; y < height; ++y) {
    const Taps& tap = rows_[columns.rows.begin + y];
    const float* a = logits.data() + std::size_t(tap.first) * low_res_ + columns.columns.begin;
    const float* b = a + low_res_;
    const float* c = b + low_res_;
    for (int x = 0; x < width; ++x) {
      line[x] = tap.weights[0] * a[x] + tap.weights[1] * b[x] + tap.weights[2] * c[x];
    }
    for (int x = 0; x < width; ++x) columns.values[x * height + y] = line[x];
  }
  return columns;
}

void MaskUpsampler::column(const Columns& columns, int x, std::span<float> out) const {
  const Taps& tap = across_[x];
  const std::size_t height = out.size();
  const float* a = columns.values.data() + (tap.first - columns.columns.begin) * height;
  const float* b = a + height;
  const float* c = b + height;
  float* to = out.data();
  const float wa = tap.weights[0];
  const float wb = tap.weights[1];
  const float wc = tap.weights[2];
  for (std::size_t y = 0; y < height; ++y) to[y] = wa * a[y] + wb * b[y] + wc * c[y];
}

void MaskUpsampler::Counts::add(std::span<const float> values, const Options& options) {
  inner += count_above(values, options.threshold + options.stability_offset);
  outer += count_above(values, options.threshold - options.stability_offset);
}

struct MaskUpsampler::Band {
  std::vector<std::uint32_t> runs;  // of whole columns of the canvas
  std::int64_t area = 0;
  BoxOfColumns box;
  Counts counts;
};

MaskUpsampler::Band MaskUpsampler::band(std::span<const float> logits, const Options& options, int index,
                                        int bands) const {
  Part part = part_above(logits, options.threshold - std::abs(options.stability_offset));
  const Range whole = part.columns;
  part.columns = {whole.begin + whole.size() * index / bands,
                  whole.begin + whole.size() * (index + 1) / bands};
  const Columns& columns = stretch_columns(logits, part);
  std::vector<float> values(part.rows.size());
  std::vector<std::uint8_t> bits(values.size());
  const auto canvas_height = std::size_t(options.canvas.height);
  const std::size_t above = std::size_t(options.top) + part.rows.begin;
  const std::size_t below = canvas_height - above - values.size();
  RunWriter runs;
  Band band;
  if (index == 0) runs.append(false, (std::size_t(options.left) + whole.begin) * canvas_height);
  for (int x = part.columns.begin; x < part.columns.end; ++x) {
    column(columns, x, values);
    if (options.stability_offset != 0) band.counts.add(values, options);
    for (std::size_t y = 0; y < values.size(); ++y) bits[y] = values[y] > options.threshold ? 1 : 0;
    runs.append(false, above);
    std::size_t y = above;
    for_each_run(bits, [&](bool value, std::size_t count) {
      runs.append(value, count);
      if (value) {
        band.area += std::int64_t(count);
        band.box.add(options.left + x, int(y), int(y + count));
      }
      y += count;
    });
    runs.append(false, below);
  }
  if (index + 1 == bands) {
    runs.append(false, std::size_t(options.canvas.width - options.left - whole.end) * canvas_height);
  }
  band.runs = std::move(runs).finish();
  return band;
}

MaskUpsampler::Mask MaskUpsampler::joined(std::span<const Band> bands, const Options& options) {
  RunWriter runs;
  Band all;
  for (const Band& band : bands) {
    runs.append(band.runs);
    all.area += band.area;
    all.box.add(band.box);
    all.counts.inner += band.counts.inner;
    all.counts.outer += band.counts.outer;
  }
  return {.rle = {options.canvas, std::move(runs).finish()},
          .area = all.area,
          .box = all.box.box(),
          .stability_score = ratio(all.counts.inner, all.counts.outer)};
}

MaskUpsampler::Mask MaskUpsampler::mask(std::span<const float> logits, const Options& options) const {
  const Band whole = band(logits, options, 0, 1);
  return joined({&whole, 1}, options);
}

void MaskUpsampler::masks(ops::Context& ctx, ConstTensorView logits, std::span<const std::int64_t> wanted,
                          const Options& options, const Take& take) const {
  if (!ctx.kernels().on_host()) return masks_on_device(ctx, logits, wanted, options, take);
  const std::size_t area = std::size_t(low_res_) * low_res_;
  const auto of = [&](std::int64_t i) { return logits.data<float>().subspan(wanted[i] * area, area); };
  const std::int64_t threads = ctx.team().size();
  if (threads == 1 || std::int64_t(wanted.size()) > kMasksThatFillAThread * threads) {
    ctx.team().parallel_for(std::int64_t(wanted.size()),
                            [&](std::int64_t i, int) { take(i, mask(of(i), options)); });
    return;
  }
  std::vector<Band> bands(wanted.size() * threads);
  ctx.team().parallel_for(std::int64_t(bands.size()), [&](std::int64_t item, int) {
    bands[item] = band(of(item / threads), options, int(item % threads), int(threads));
  });
  ctx.team().parallel_for(std::int64_t(wanted.size()), [&](std::int64_t i, int) {
    take(i, joined({&bands[i * threads], std::size_t(threads)}, options));
  });
}

void MaskUpsampler::masks_on_device(ops::Context& ctx, ConstTensorView logits,
                                    std::span<const std::int64_t> wanted, const Options& options,
                                    const Take& take) const {
  std::vector<ops::MaskRuns> runs = ops::mask_runs(ctx, {.logits = logits,
                                                         .wanted = wanted,
                                                         .rows = rows_,
                                                         .columns = across_,
                                                         .canvas = options.canvas,
                                                         .left = options.left,
                                                         .top = options.top,
                                                         .threshold = options.threshold,
                                                         .stability_offset = options.stability_offset});
  ctx.team().parallel_for(std::int64_t(wanted.size()), [&](std::int64_t i, int) {
    ops::MaskRuns& made = runs[i];
    take(i, {.rle = {options.canvas, std::move(made.counts)},
             .area = made.area,
             .box = {made.x, made.y, made.width, made.height},
             .stability_score = ratio(made.inner, made.outer)});
  });
}

float MaskUpsampler::stability_score(std::span<const float> logits, const Options& options) const {
  const Part part = part_above(logits, options.threshold - std::abs(options.stability_offset));
  const Columns& columns = stretch_columns(logits, part);
  std::vector<float> values(part.rows.size());
  Counts counts;
  for (int x = part.columns.begin; x < part.columns.end; ++x) {
    column(columns, x, values);
    counts.add(values, options);
  }
  return ratio(counts.inner, counts.outer);
}

std::vector<float> MaskUpsampler::logits(std::span<const float> logits) const {
  const Columns& columns = stretch_columns(logits, {{0, original_.width}, {0, original_.height}});
  std::vector<float> values(rows_.size());
  std::vector<float> out(rows_.size() * across_.size());
  for (int x = 0; x < original_.width; ++x) {
    column(columns, x, values);
    for (std::size_t y = 0; y < values.size(); ++y) out[y * across_.size() + x] = values[y];
  }
  return out;
}

}  // namespace facet::segment
