#include "io/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "io/bad_model.h"
#include "io/byte_cursor.h"
#include "io/mapped_file.h"
#include "io/tensor_record.h"

namespace facet::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 65536;

struct NpyType {
  std::string_view descr;
  DType dtype;
};
constexpr std::array<NpyType, 12> kNpyTypes = {{{"<f4", DType::Float32},
                                                {"<f8", DType::Float64},
                                                {"<f2", DType::Float16},
                                                {"|i1", DType::Int8},
                                                {"<i1", DType::Int8},
                                                {"|u1", DType::UInt8},
                                                {"<u1", DType::UInt8},
                                                {"<i2", DType::Int16},
                                                {"<i4", DType::Int32},
                                                {"<i8", DType::Int64},
                                                {"|b1", DType::Bool},
                                                {"<b1", DType::Bool}}};

struct NpyHeader {
  DType dtype = DType::Float32;
  bool fortran_order = false;
  std::vector<std::int64_t> dims;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \n") - first + 1);
}

// The text behind 'key': in a Python dictionary literal of the shape that NumPy writes.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  const std::size_t at = header.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = trimmed(header.substr(at + key.size() + 2));
  if (!rest.starts_with(':')) return std::nullopt;
  return trimmed(rest.substr(1));
}

std::optional<std::vector<std::int64_t>> parse_shape(std::string_view text) {
  const std::size_t close = text.find(')');
  if (!text.starts_with('(') || close == std::string_view::npos) return std::nullopt;
  std::string_view list = trimmed(text.substr(1, close - 1));
  std::vector<std::int64_t> dims;
  while (!list.empty()) {
    const std::string_view item = trimmed(list.substr(0, list.find(',')));
    std::int64_t dim = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), dim);
    if (error != std::errc() || end != item.data() + item.size() || dims.size() == Shape::kMaxRank) {
      return std::nullopt;
    }
    dims.push_back(dim);
    const std::size_t comma = list.find(',');
    list = comma == std::string_view::npos ? std::string_view() : trimmed(list.substr(comma + 1));
  }
  return dims;
}

Result<NpyHeader> parse_npy_header(std::string_view text) {
  const auto descr = value_of(text, "descr");
  if (!descr) return bad_model("npy: the header has no 'descr'");
  const std::string_view name =
      descr->starts_with('\'') ? descr->substr(1, descr->find('\'', 1) - 1) : *descr;
  const auto* type =
      std::find_if(kNpyTypes.begin(), kNpyTypes.end(), [&](const NpyType& t) { return t.descr == name; });
  if (type == kNpyTypes.end()) {
    return bad_model("npy: type " + std::string(name.substr(0, 40)) +
                     ", expected little-endian f2, f4, f8, i1, i2, i4, i8, u1 or b1");
  }
  const auto order = value_of(text, "fortran_order");
  if (!order || (!order->starts_with("True") && !order->starts_with("False"))) {
    return bad_model("npy: 'fortran_order' is neither True nor False");
  }
  const auto shape = value_of(text, "shape");
  const auto dims = shape ? parse_shape(*shape) : std::nullopt;
  if (!dims) return bad_model("npy: 'shape' is not a tuple of at most 6 sizes");
  return NpyHeader{.dtype = type->dtype, .fortran_order = order->starts_with('T'), .dims = *dims};
}

Result<std::string_view> take_header(ByteCursor& cursor) {
  if (cursor.text(kMagic.size()) != kMagic)
    return bad_model("npy: the file does not begin with NumPy's magic");
  const auto major = cursor.number<std::uint8_t>();
  const auto minor = cursor.number<std::uint8_t>();
  if (!minor || *major < 1 || *major > 3) return bad_model("npy: the version is not 1, 2 or 3");
  const auto length = *major == 1 ? std::optional<std::uint32_t>(cursor.number<std::uint16_t>())
                                  : cursor.number<std::uint32_t>();
  if (!length || *length > kMaxHeader)
    return bad_model("npy: the header is cut off or longer than 65536 bytes");
  const auto header = cursor.text(*length);
  if (!header) return bad_model("npy: the file ends inside its header");
  return *header;
}

}  // namespace

Result<Tensor> parse_npy(std::span<const std::uint8_t> bytes) {
  ByteCursor cursor(bytes);
  FACET_ASSIGN_OR_RETURN(const std::string_view text, take_header(cursor));
  FACET_ASSIGN_OR_RETURN(const NpyHeader header, parse_npy_header(text));
  // Checked as row-major first: the number of bytes is the same in both orders.
  Result<TensorRecord> record = view_contiguous(header.dtype, header.dims, *cursor.take(cursor.remaining()));
  if (!record.ok()) return bad_model("npy: " + record.status().message());
  if (header.fortran_order) {
    std::int64_t stride = 1;
    for (std::size_t axis = 0; axis < header.dims.size(); ++axis) {
      record->strides[axis] = stride;
      stride *= header.dims[axis];
    }
  }
  return copy_tensor(*record);
}

Result<Tensor> read_npy(const std::filesystem::path& path) {
  FACET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  Result<Tensor> tensor = parse_npy(file.bytes());
  if (!tensor.ok()) return tensor.status().with_context(path.string());
  return tensor;
}

}  // namespace facet::io
