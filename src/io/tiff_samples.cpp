#include "io/tiff_samples.h"

#include <bit>
#include <cstring>

#include "facet/dtype.h"

namespace facet::io {
namespace {

template <typename T>
T load(const std::uint8_t* row, std::size_t index) {
  T value;
  std::memcpy(&value, row + index * sizeof(T), sizeof(T));
  return value;
}

/// A sample stored as its own type, or as Stored and converted.
template <typename Kept, typename Stored = Kept>
struct Plain {
  using Type = Kept;
  static Kept read(const std::uint8_t* row, std::size_t index, int) {
    return static_cast<Kept>(load<Stored>(row, index));
  }
};

struct Half {
  using Type = float;
  static float read(const std::uint8_t* row, std::size_t index, int) {
    return half_to_float(load<std::uint16_t>(row, index));
  }
};

struct ThreeBytes {
  using Type = std::uint32_t;
  static std::uint32_t read(const std::uint8_t* row, std::size_t index, int) {
    const std::uint8_t* at = row + index * 3;
    const bool little = std::endian::native == std::endian::little;
    return std::uint32_t(at[little ? 2 : 0]) << 16 | std::uint32_t(at[1]) << 8 | at[little ? 0 : 2];
  }
};

template <typename Kept>
struct Packed {
  using Type = Kept;
  static Kept read(const std::uint8_t* row, std::size_t index, int bits) {
    std::uint32_t value = 0;
    for (std::size_t bit = index * std::size_t(bits); bit < (index + 1) * std::size_t(bits); ++bit) {
      value = value << 1 | (std::uint32_t(row[bit / 8]) >> (7 - bit % 8) & 1U);
    }
    return static_cast<Kept>(value);
  }
};

template <typename Source>
void unpack_row(const std::uint8_t* row, const RowLayout& layout, int bits, Samples& samples,
                std::size_t start) {
  auto* out = std::get<std::vector<typename Source::Type>>(samples).data() + start;
  for (std::size_t x = 0; x < layout.width; ++x) {
    for (std::size_t c = 0; c < layout.taken; ++c) {
      out[x * layout.kept_stride + c] = Source::read(row, x * layout.stored_stride + c, bits);
    }
  }
}

template <typename Source>
SampleReader reader_for() {
  using T = typename Source::Type;
  return {[](std::size_t count) { return Samples(std::vector<T>(count)); }, unpack_row<Source>, sizeof(T)};
}

std::optional<SampleReader> unsigned_reader(int bits) {
  if (bits == 8) return reader_for<Plain<std::uint8_t>>();
  if (bits == 16) return reader_for<Plain<std::uint16_t>>();
  if (bits == 24) return reader_for<ThreeBytes>();
  if (bits == 32) return reader_for<Plain<std::uint32_t>>();
  if (bits == 64) return reader_for<Plain<double, std::uint64_t>>();
  if (bits >= 1 && bits < 8) return reader_for<Packed<std::uint8_t>>();
  if (bits > 8 && bits < 16) return reader_for<Packed<std::uint16_t>>();
  return std::nullopt;
}

std::optional<SampleReader> signed_reader(int bits) {
  if (bits == 8) return reader_for<Plain<std::int8_t>>();
  if (bits == 16) return reader_for<Plain<std::int16_t>>();
  if (bits == 32) return reader_for<Plain<std::int32_t>>();
  if (bits == 64) return reader_for<Plain<double, std::int64_t>>();
  return std::nullopt;
}

std::optional<SampleReader> float_reader(int bits) {
  if (bits == 16) return reader_for<Half>();
  if (bits == 32) return reader_for<Plain<float>>();
  if (bits == 64) return reader_for<Plain<double>>();
  return std::nullopt;
}

}  // namespace

std::optional<SampleReader> sample_reader(SampleKind kind, int bits) {
  if (kind == SampleKind::Float) return float_reader(bits);
  return kind == SampleKind::Int ? signed_reader(bits) : unsigned_reader(bits);
}

}  // namespace facet::io
