#include "ops/cuda/picture_input.h"

#include <algorithm>
#include <span>

#include "ops/cuda/vectors.cuh"
#include "ops/transfer.h"

namespace facet::ops::cuda {
namespace {

constexpr int kChannels = 3;

// An output of a filter, and what is kept of it.
template <class Weight>
struct Sum;
template <>
struct Sum<std::int32_t> {
  using Cell = std::uint8_t;
  std::int32_t value = 1 << (kFilterBits - 1);
  __device__ void add(std::int32_t weight, std::uint8_t x) { value += weight * x; }
  __device__ Cell cell() const { return Cell(min(max(value >> kFilterBits, 0), 255)); }
};
template <>
struct Sum<float> {
  using Cell = float;
  float value = 0;
  // Rounded twice, as on the host.
  __device__ void add(float weight, float x) { value = __fadd_rn(value, __fmul_rn(weight, x)); }
  __device__ Cell cell() const { return value; }
};
template <class Weight>
using Cell = typename Sum<Weight>::Cell;

template <class Weight>
struct DeviceFilter {
  const FilterTaps* taps;
  const Weight* weights;
  int outputs;
};

// A thread a pixel of `out`, [rows, across.outputs, 3].
template <class Weight>
__global__ void resize_columns_kernel(const std::uint8_t* rgb, std::int64_t rows, int columns,
                                      DeviceFilter<Weight> across, Cell<Weight>* out) {
  const int x = row_item();
  if (x >= across.outputs) return;
  const FilterTaps taps = across.taps[x];
  const Weight* weights = across.weights + taps.weights;
  for (std::int64_t row = first_row(); row < rows; row += row_step()) {
    const std::uint8_t* from = rgb + (row * columns + taps.first) * kChannels;
    Cell<Weight>* to = out + (row * across.outputs + x) * kChannels;
    Sum<Weight> sums[kChannels];
    for (int i = 0; i < taps.count; ++i) {
#pragma unroll
      for (int c = 0; c < kChannels; ++c) sums[c].add(weights[i], from[i * kChannels + c]);
    }
#pragma unroll
    for (int c = 0; c < kChannels; ++c) to[c] = sums[c].cell();
  }
}

template <class Weight>
__device__ float resized_row(const Cell<Weight>* narrowed, int run, const DeviceFilter<Weight>& down,
                             std::int64_t row, int item) {
  const FilterTaps taps = down.taps[row];
  const Weight* weights = down.weights + taps.weights;
  const Cell<Weight>* from = narrowed + std::int64_t(taps.first) * run + item;
  Sum<Weight> sum;
  for (int i = 0; i < taps.count; ++i, from += run) sum.add(weights[i], *from);
  return float(sum.cell());
}

struct Normalisation {
  float mean[kChannels];
  float deviation[kChannels];
};

// A thread an element of `out`, [side, side, 3]; the picture fills rows of `run` elements.
template <class Weight>
__global__ void finish_input_kernel(const Cell<Weight>* narrowed, int run, DeviceFilter<Weight> down,
                                    Normalisation normal, int side, float* out) {
  const int item = row_item();
  const int width = side * kChannels;
  if (item >= width) return;
  const int c = item % kChannels;
  for (std::int64_t row = first_row(); row < side; row += row_step()) {
    float value = 0;
    if (row < down.outputs && item < run) {
      value = (resized_row(narrowed, run, down, row, item) - normal.mean[c]) / normal.deviation[c];
    }
    out[row * width + item] = value;
  }
}

// Arrays of the host that go to the device together: each copy costs a wait.
class Parcel {
 public:
  // Returns where the array will lie.
  template <class T>
  std::size_t add(std::span<const T> array) {
    const std::size_t offset = bytes_;
    parts_.push_back({reinterpret_cast<const std::byte*>(array.data()), array.size_bytes(), offset});
    bytes_ += packed_size(array.size_bytes());
    return offset;
  }
  void send(Context& ctx) {
    Tensor host = ctx.make_on_host(Shape({std::int64_t(bytes_)}), DType::UInt8);
    auto* to = static_cast<std::byte*>(host.view().raw());
    for (const Part& part : parts_) {
      ctx.team().parallel_ranges(std::int64_t(part.bytes), kGrain, [&](std::int64_t begin, std::int64_t end) {
        std::copy(part.from + begin, part.from + end, to + part.offset + begin);
      });
    }
    sent_ = uploaded(ctx, std::move(host));
  }
  template <class T>
  [[nodiscard]] const T* at(std::size_t offset) const {
    return reinterpret_cast<const T*>(static_cast<const std::byte*>(sent_.view().raw()) + offset);
  }

 private:
  static constexpr std::int64_t kGrain = 1 << 20;
  struct Part {
    const std::byte* from;
    std::size_t bytes;
    std::size_t offset;
  };
  std::vector<Part> parts_;
  std::size_t bytes_ = 0;
  Tensor sent_;
};

// A filter's way to the device.
template <class Weight>
class FilterParcel {
 public:
  FilterParcel(Parcel& parcel, const SideFilter<Weight>& filter)
      : parcel_(parcel),
        taps_(parcel.add(std::span(filter.taps))),
        weights_(parcel.add(std::span(filter.weights))),
        outputs_(int(filter.taps.size())) {}
  // Once the parcel is sent.
  [[nodiscard]] DeviceFilter<Weight> on_device() const {
    return {parcel_.at<FilterTaps>(taps_), parcel_.at<Weight>(weights_), outputs_};
  }

 private:
  const Parcel& parcel_;
  std::size_t taps_;
  std::size_t weights_;
  int outputs_;
};

Normalisation normalisation_of(const PictureInputArgs& args) {
  Normalisation normal{};
  std::copy(args.mean.begin(), args.mean.end(), normal.mean);
  std::copy(args.deviation.begin(), args.deviation.end(), normal.deviation);
  return normal;
}

template <class Weight>
void make_input(Context& ctx, const PictureInputArgs& args, const PictureFilter<Weight>& filter,
                TensorView out) {
  Parcel parcel;
  const FilterParcel<Weight> across_parcel(parcel, filter.across);
  const FilterParcel<Weight> down_parcel(parcel, filter.down);
  const std::size_t rgb = parcel.add(args.picture.rgb());
  parcel.send(ctx);
  const DeviceFilter<Weight> across = across_parcel.on_device();
  const DeviceFilter<Weight> down = down_parcel.on_device();
  const std::int64_t rows = args.picture.height();
  const int side = int(out.shape()[1]);

  using Kept = Cell<Weight>;
  Tensor narrowed = ctx.make(Shape({rows, across.outputs, kChannels}), dtype_of<Kept>());
  Kept* cells = narrowed.data<Kept>().data();
  launch(resize_columns_kernel<Weight>, rows_shape(rows, across.outputs), stream_of(ctx),
         parcel.at<std::uint8_t>(rgb), rows, args.picture.width(), across, cells);
  launch(finish_input_kernel<Weight>, rows_shape(side, std::int64_t(side) * kChannels), stream_of(ctx), cells,
         across.outputs * kChannels, down, normalisation_of(args), side, out.data<float>().data());
}

}  // namespace

void picture_input(Context& ctx, const PictureInputArgs& args, TensorView out) {
  std::visit([&](const auto& filter) { make_input(ctx, args, filter, out); }, args.filter);
}

}  // namespace facet::ops::cuda
