#include "service/embedding_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/check.h"
#include "service/embedding_key.h"

namespace facet::service {
namespace {

static_assert(std::endian::native == std::endian::little, "entries are little-endian");

constexpr std::array<char, 8> kMagic = {'f', 'a', 'c', 'e', 't', 'e', 'm', 'b'};
constexpr std::uint32_t kVersion = 1;
constexpr int kMaxSide = 1 << 24;

// The tensors of an embedding: the one place that knows them all.
struct TensorField {
  std::string_view name;
  std::shared_ptr<const Tensor> Embedding::*tensor;
  std::array<std::int64_t, 4> dims;  // those after the last are 0
  [[nodiscard]] Shape shape() const { return Shape(std::span(dims).first(dims[3] == 0 ? 3 : 4)); }
};
constexpr std::array kTensors = {TensorField{"features", &Embedding::features, {1, 64, 64, 256}},
                                 TensorField{"high_res0", &Embedding::high_res0, {1, 64 * 64 * 16, 32}},
                                 TensorField{"high_res1", &Embedding::high_res1, {1, 64 * 64 * 4, 64}}};

struct EntryHeader {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t tensors;
  std::uint64_t model_fingerprint;
  std::int32_t original_height, original_width, input_height, input_width;
};
struct TensorHeader {
  std::array<char, 24> name;  // zero-padded
  std::uint32_t precision;
  std::uint32_t rank;
  std::array<std::int64_t, Shape::kMaxRank> dims;
};
constexpr std::size_t kDigestBytes = sizeof(ContentHash::bytes);

enum class Stored : std::uint32_t { Float32 = 0, BFloat16 = 1 };

std::size_t bytes_each(Stored precision) { return precision == Stored::Float32 ? 4 : 2; }

// Round to nearest, ties to even; not-a-number stays one.
std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

float from_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t(bits) << 16); }

template <class T>
void append(std::vector<std::uint8_t>& out, const T& value) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}

void append_tensor(std::vector<std::uint8_t>& out, std::string_view name, const Tensor& tensor,
                   Stored precision) {
  TensorHeader header{};
  std::copy(name.begin(), name.end(), header.name.begin());
  header.precision = static_cast<std::uint32_t>(precision);
  header.rank = tensor.shape().rank();
  std::copy(tensor.shape().dims().begin(), tensor.shape().dims().end(), header.dims.begin());
  append(out, header);
  const auto values = tensor.data<float>();
  const std::size_t begin = out.size();
  out.resize(begin + values.size() * bytes_each(precision));
  if (precision == Stored::Float32) {
    std::memcpy(out.data() + begin, values.data(), values.size_bytes());
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = to_bfloat16(values[i]);
    std::memcpy(out.data() + begin + 2 * i, &bits, 2);
  }
}

Status damaged(const std::string& what) { return {StatusCode::BadModel, "a stored embedding " + what}; }

// Bytes that are consumed from the front, never beyond their end.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}
  template <class T>
  [[nodiscard]] bool read(T* value) {
    if (rest_.size() < sizeof *value) return false;
    std::memcpy(value, rest_.data(), sizeof *value);
    rest_ = rest_.subspan(sizeof *value);
    return true;
  }
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t count) {
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  std::span<const std::uint8_t> rest_;
};

// The elements of a shape whose bytes are all there, or nothing.
bool elements_present(const TensorHeader& header, std::size_t bytes_left, std::size_t each,
                      std::size_t* count) {
  *count = 1;
  for (std::uint32_t axis = 0; axis < header.rank; ++axis) {
    const std::int64_t dim = header.dims[axis];
    if (dim <= 0 || __builtin_mul_overflow(*count, std::size_t(dim), count)) return false;
    if (*count > bytes_left / each) return false;
  }
  return true;
}

Result<Tensor> read_tensor(Reader& reader, const TensorHeader& header) {
  if (header.rank == 0 || header.rank > std::uint32_t(Shape::kMaxRank) || header.precision > 1) {
    return damaged(fmt::format("has a tensor of rank {} and precision {}", header.rank, header.precision));
  }
  const auto precision = static_cast<Stored>(header.precision);
  std::size_t count = 0;
  if (!elements_present(header, reader.left(), bytes_each(precision), &count)) {
    return damaged(fmt::format("has a tensor larger than the {} bytes left", reader.left()));
  }
  Tensor tensor(Shape(std::span(header.dims).first(header.rank)));
  const auto values = tensor.data<float>();
  const auto bytes = reader.take(count * bytes_each(precision));
  if (precision == Stored::Float32) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, bytes.data() + 2 * i, 2);
      values[i] = from_bfloat16(bits);
    }
  }
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
    return damaged("has a value that is not a finite number");
  }
  return tensor;
}

ContentHash entry_digest(std::span<const std::uint8_t> payload, const std::string& key) {
  return content_hash(payload, key);
}

Status check_header(const EntryHeader& header, std::uint64_t model_fingerprint) {
  if (header.magic != kMagic) return damaged("does not begin as one");
  if (header.version != kVersion) {
    return damaged(fmt::format("has version {}; expected {}", header.version, kVersion));
  }
  if (header.model_fingerprint != model_fingerprint) return damaged("was made by another model");
  for (const std::int32_t side :
       {header.original_height, header.original_width, header.input_height, header.input_width}) {
    if (side <= 0 || side > kMaxSide) return damaged(fmt::format("has a side of {} pixels", side));
  }
  if (header.tensors > kTensors.size()) return damaged(fmt::format("has {} tensors", header.tensors));
  return {};
}

Status read_named_tensor(Reader& reader, Embedding& embedding) {
  TensorHeader header{};
  if (!reader.read(&header)) return damaged("ends inside a tensor's header");
  const std::string_view name(header.name.data(), strnlen(header.name.data(), header.name.size()));
  for (const TensorField& field : kTensors) {
    if (field.name != name) continue;
    if (embedding.*field.tensor) return damaged("has the same tensor twice");
    FACET_ASSIGN_OR_RETURN(Tensor tensor, read_tensor(reader, header));
    if (!(tensor.shape() == field.shape())) {
      return damaged(fmt::format("has {} of shape {}; expected {}", name, tensor.shape().to_string(),
                                 field.shape().to_string()));
    }
    embedding.*field.tensor = std::make_shared<const Tensor>(std::move(tensor));
    return {};
  }
  return damaged("has a tensor of unknown name");
}

}  // namespace

std::vector<std::uint8_t> encode_entry(const Embedding& embedding, const std::string& key, DType precision) {
  FACET_CHECK(precision == DType::Float32 || precision == DType::BFloat16,
              "entries are stored as float32 or bfloat16");
  FACET_CHECK(embedding.features != nullptr, "an embedding without features is not stored");
  std::vector<std::uint8_t> out;
  out.reserve(embedding_bytes(embedding) + 4096);
  EntryHeader header{kMagic,
                     kVersion,
                     0,
                     embedding.model_fingerprint,
                     embedding.original_size.height,
                     embedding.original_size.width,
                     embedding.input_size.height,
                     embedding.input_size.width};
  for (const TensorField& field : kTensors) header.tensors += embedding.*field.tensor ? 1 : 0;
  append(out, header);
  for (const TensorField& field : kTensors) {
    if (!(embedding.*field.tensor)) continue;
    append_tensor(out, field.name, *(embedding.*field.tensor),
                  precision == DType::Float32 ? Stored::Float32 : Stored::BFloat16);
  }
  append(out, entry_digest(out, key).bytes);
  return out;
}

Result<Embedding> decode_entry(std::span<const std::uint8_t> bytes, const std::string& key,
                               std::uint64_t model_fingerprint) {
  if (bytes.size() < sizeof(EntryHeader) + kDigestBytes) {
    return damaged(fmt::format("has only {} bytes", bytes.size()));
  }
  const auto payload = bytes.first(bytes.size() - kDigestBytes);
  const ContentHash digest = entry_digest(payload, key);
  if (!std::equal(digest.bytes.begin(), digest.bytes.end(), bytes.end() - kDigestBytes)) {
    return damaged("does not agree with its checksum");
  }
  Reader reader(payload);
  EntryHeader header{};
  if (!reader.read(&header)) return damaged("ends inside its header");
  FACET_RETURN_IF_ERROR(check_header(header, model_fingerprint));
  Embedding embedding;
  embedding.original_size = {header.original_height, header.original_width};
  embedding.input_size = {header.input_height, header.input_width};
  embedding.model_fingerprint = header.model_fingerprint;
  for (std::uint32_t i = 0; i < header.tensors; ++i) {
    FACET_RETURN_IF_ERROR(read_named_tensor(reader, embedding));
  }
  if (reader.left() != 0) return damaged(fmt::format("goes on for {} bytes after its end", reader.left()));
  if (embedding.features == nullptr) return damaged("has no features");
  if ((embedding.high_res0 == nullptr) != (embedding.high_res1 == nullptr)) {
    return damaged("has one of two tensors of high resolution");
  }
  return embedding;
}

std::size_t embedding_bytes(const Embedding& embedding) {
  std::size_t bytes = 0;
  for (const TensorField& field : kTensors) {
    if (embedding.*field.tensor) bytes += (embedding.*field.tensor)->size_bytes();
  }
  return bytes;
}

}  // namespace facet::service
