#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/check.h"
#include "facet/masks.h"

namespace facet {
namespace {

// Columns turned into rows (or back) at a time: a cache line of every row.
constexpr int kColumnsAtOnce = 64;

std::uint64_t pixel_count(Size size) {
  FACET_CHECK(size.height >= 0 && size.width >= 0, "a mask's side is negative");
  return std::uint64_t(size.height) * std::uint64_t(size.width);
}

std::uint64_t total(std::span<const std::uint32_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

void expect_whole(const Rle& rle) {
  FACET_CHECK(total(rle.counts) == pixel_count(rle.size),
              "the runs of a mask add up to " + std::to_string(total(rle.counts)) + ", its size is " +
                  std::to_string(rle.size.width) + " x " + std::to_string(rle.size.height));
}

// Collects run lengths from bytes that come in column-major order, 0 or 1.
class RunCollector {
 public:
  void append(std::span<const std::uint8_t> bits) {
    const std::uint8_t* at = bits.data();
    const std::uint8_t* const end = at + bits.size();
    while (at != end) {
      const void* change = std::memchr(at, 1 - value_, std::size_t(end - at));
      const auto* stop = change == nullptr ? end : static_cast<const std::uint8_t*>(change);
      length_ += std::uint32_t(stop - at);
      at = stop;
      if (change != nullptr) next_run();
    }
  }
  std::vector<std::uint32_t> finish() {
    next_run();
    return std::move(counts_);
  }

 private:
  void next_run() {
    counts_.push_back(length_);
    length_ = 0;
    value_ = 1 - value_;
  }
  std::vector<std::uint32_t> counts_;
  std::uint32_t length_ = 0;
  int value_ = 0;
};

// Hands the pixels of runs out in column-major order.
class RunReader {
 public:
  explicit RunReader(std::span<const std::uint32_t> counts)
      : counts_(counts), left_(counts.empty() ? 0 : counts[0]) {}
  void skip(std::uint64_t pixels) {
    while (pixels > 0) pixels -= advance(pixels);
  }
  void read(std::span<std::uint8_t> bits) {
    while (!bits.empty()) {
      const std::uint8_t value = run_ % 2;
      const std::size_t step = advance(bits.size());
      std::memset(bits.data(), value, step);
      bits = bits.subspan(step);
    }
  }

 private:
  // At most `pixels` of the current run; 0 when it was empty and the next one begins.
  std::size_t advance(std::uint64_t pixels) {
    if (left_ == 0) {
      left_ = counts_[++run_];
      return 0;
    }
    const auto step = std::uint32_t(std::min<std::uint64_t>(pixels, left_));
    left_ -= step;
    return step;
  }
  std::span<const std::uint32_t> counts_;
  std::size_t run_ = 0;
  std::uint32_t left_;
};

// Calls visit(begin, end) for every run of ones, in column-major pixel numbers.
template <typename Visit>
void for_each_run_of_ones(const Rle& rle, Visit visit) {
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < rle.counts.size(); ++i) {
    const std::uint64_t end = at + rle.counts[i];
    if (i % 2 == 1 && end > at) visit(at, end);
    at = end;
  }
}

}  // namespace

Rle rle_encode(const Bitmap& mask) {
  const auto [height, width] = mask.size;
  FACET_CHECK(pixel_count(mask.size) <= std::numeric_limits<std::uint32_t>::max(),
              "a mask has 2^32 pixels or more");
  FACET_CHECK(mask.bits.size() == pixel_count(mask.size), "a bitmap does not fill its size");
  RunCollector runs;
  std::vector<std::uint8_t> columns(std::size_t(height) * std::min(kColumnsAtOnce, width));
  for (int x0 = 0; x0 < width; x0 += kColumnsAtOnce) {
    const int count = std::min(kColumnsAtOnce, width - x0);
    for (int y = 0; y < height; ++y) {
      const std::uint8_t* row = mask.bits.data() + std::size_t(y) * width + x0;
      for (int x = 0; x < count; ++x) columns[std::size_t(x) * height + y] = row[x] != 0 ? 1 : 0;
    }
    runs.append(std::span(columns).first(std::size_t(count) * height));
  }
  return {mask.size, runs.finish()};
}

Bitmap rle_decode(const Rle& rle) { return rle_crop(rle, {0, 0, rle.size.width, rle.size.height}); }

Bitmap rle_crop(const Rle& rle, const BoxXywh& box) {
  expect_whole(rle);
  const int height = rle.size.height;
  FACET_CHECK(box.x >= 0 && box.y >= 0 && box.width >= 0 && box.height >= 0 &&
                  box.width <= rle.size.width - box.x && box.height <= height - box.y,
              "a crop reaches outside its mask");
  Bitmap crop{{box.height, box.width}, std::vector<std::uint8_t>(std::size_t(box.height) * box.width)};
  if (crop.bits.empty()) return crop;
  RunReader runs(rle.counts);
  runs.skip(std::uint64_t(box.x) * height);
  std::vector<std::uint8_t> columns(std::size_t(height) * std::min(kColumnsAtOnce, box.width));
  for (int x0 = 0; x0 < box.width; x0 += kColumnsAtOnce) {
    const int count = std::min(kColumnsAtOnce, box.width - x0);
    runs.read(std::span(columns).first(std::size_t(count) * height));
    for (int y = 0; y < box.height; ++y) {
      std::uint8_t* row = crop.bits.data() + std::size_t(y) * box.width + x0;
      for (int x = 0; x < count; ++x) row[x] = columns[std::size_t(x) * height + box.y + y];
    }
  }
  return crop;
}

std::int64_t rle_area(const Rle& rle) {
  std::int64_t area = 0;
  for (std::size_t i = 1; i < rle.counts.size(); i += 2) area += rle.counts[i];
  return area;
}

BoxXywh rle_bbox(const Rle& rle) {
  expect_whole(rle);
  const auto height = std::uint64_t(rle.size.height);
  int x0 = rle.size.width, y0 = rle.size.height, x1 = -1, y1 = -1;
  for_each_run_of_ones(rle, [&](std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t last = end - 1;
    const bool one_column = begin / height == last / height;
    x0 = std::min(x0, int(begin / height));
    x1 = std::max(x1, int(last / height));
    y0 = std::min(y0, one_column ? int(begin % height) : 0);  // a longer run reaches both edges
    y1 = std::max(y1, one_column ? int(last % height) : int(height) - 1);
  });
  return x1 < 0 ? BoxXywh{} : BoxXywh{x0, y0, x1 - x0 + 1, y1 - y0 + 1};
}

std::int64_t rle_intersection(const Rle& a, const Rle& b) {
  FACET_CHECK(a.size == b.size, "masks of two pictures of different size do not intersect");
  std::int64_t both = 0;
  std::uint64_t at = 0, end_a = 0, end_b = 0;
  std::size_t run_a = 0, run_b = 0;  // the run in progress is run - 1, and ends at `end`
  while (true) {
    while (end_a == at && run_a < a.counts.size()) end_a += a.counts[run_a++];
    while (end_b == at && run_b < b.counts.size()) end_b += b.counts[run_b++];
    const std::uint64_t next = std::min(end_a, end_b);
    if (next == at) return both;
    if (run_a % 2 == 0 && run_b % 2 == 0) both += std::int64_t(next - at);
    at = next;
  }
}

double rle_iou(const Rle& a, const Rle& b) {
  const std::int64_t both = rle_intersection(a, b);
  const std::int64_t either = rle_area(a) + rle_area(b) - both;
  return either == 0 ? 0.0 : double(both) / double(either);
}

Result<Rle> rle_from_counts(std::vector<std::uint32_t> counts, Size size) {
  const std::string where =
      "run lengths of a mask of " + std::to_string(size.width) + " x " + std::to_string(size.height);
  if (size.height < 0 || size.width < 0) return Status(StatusCode::BadPrompt, where + ": a side is negative");
  if (pixel_count(size) > std::numeric_limits<std::uint32_t>::max()) {
    return Status(StatusCode::BadPrompt, where + ": expected fewer than 2^32 pixels");
  }
  if (total(counts) != pixel_count(size)) {
    return Status(StatusCode::BadPrompt, where + ": expected a sum of " + std::to_string(pixel_count(size)) +
                                             ", found " + std::to_string(total(counts)));
  }
  return Rle{size, std::move(counts)};
}

}  // namespace facet
