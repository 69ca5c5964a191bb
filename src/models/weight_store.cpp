#include "models/weight_store.h"

#include <algorithm>
#include <cstring>

namespace facet::models {
namespace {

constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15ULL;
constexpr std::size_t kMostListed = 40;  // of one kind: a wrong file would fill the screen

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * kPrime;
  return hash ^ (hash >> 29);
}

std::string list(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size() && i < kMostListed; ++i) text += "\n  " + lines[i];
  if (lines.size() > kMostListed) text += "\n  and " + std::to_string(lines.size() - kMostListed) + " more";
  return text;
}

std::string layer_name(const std::string& place) { return place.substr(0, place.size() - 1); }

}  // namespace

WeightStore::WeightStore(const io::WeightSource& source, ops::KernelsPtr kernels, std::set<std::string> kept)
    : source_(source), kernels_(std::move(kernels)), kept_(std::move(kept)) {}

const ops::Kernels& WeightStore::kernels_at(const std::string& place) const {
  const bool keeps = kernels_->precision() == Precision::Int8 && kept_.contains(layer_name(place));
  return keeps ? *ops::cpu_kernels(Precision::Bf16) : *kernels_;
}

void WeightStore::note_packed(const std::string& place, const ops::PackedLinear& packed) {
  packed_layers_.push_back({layer_name(place), &packed});
}

bool WeightStore::has(const std::string& name) const { return source_.shape(name).has_value(); }

Tensor WeightStore::take(const std::string& name, const Shape& shape) {
  taken_.insert(name);
  const std::optional<Shape> found = source_.shape(name);
  if (!found) {
    problems_.push_back("missing: " + name + " " + shape.to_string());
    return Tensor::zeros(shape);
  }
  if (!(*found == shape)) {
    problems_.push_back("misshapen: " + name + " is " + found->to_string() + ", expected " +
                        shape.to_string());
    return Tensor::zeros(shape);
  }
  Result<Tensor> tensor = source_.read_float32(name);
  source_.release(name);
  if (!tensor.ok()) {
    problems_.push_back("unreadable: " + name + ": " + tensor.status().message());
    return Tensor::zeros(shape);
  }
  add_to_fingerprint(name, tensor->view());
  parameters_ += shape.numel();
  return std::move(tensor).value();
}

void WeightStore::add_to_fingerprint(const std::string& name, ConstTensorView tensor) {
  for (const char c : name) fingerprint_ = mixed(fingerprint_, static_cast<unsigned char>(c));
  for (const std::int64_t dim : tensor.shape().dims()) fingerprint_ = mixed(fingerprint_, std::uint64_t(dim));
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  const std::size_t size = tensor.size_bytes();
  // Two streams, so that one multiplication does not wait for the other.
  std::uint64_t even = fingerprint_;
  std::uint64_t odd = kPrime;
  std::size_t at = 0;
  for (; at + 16 <= size; at += 16) {
    std::uint64_t words[2];
    std::memcpy(words, bytes + at, sizeof words);
    even = mixed(even, words[0]);
    odd = mixed(odd, words[1]);
  }
  for (; at < size; ++at) even = mixed(even, bytes[at]);
  fingerprint_ = mixed(even, odd);
}

Status WeightStore::finish(std::span<const std::string_view> ignorable) const {
  std::vector<std::string> problems = problems_;
  for (const std::string& name : source_.names()) {
    if (taken_.contains(name)) continue;
    const bool ignored = std::any_of(ignorable.begin(), ignorable.end(), [&](std::string_view part) {
      return name.starts_with(part) || name.ends_with(part);
    });
    if (!ignored) problems.push_back("unknown: " + name + " " + source_.shape(name)->to_string());
  }
  if (problems.empty()) return {};
  return {StatusCode::BadModel, source_.describe() + ": " + std::to_string(problems.size()) +
                                    " tensors do not fit the model:" + list(problems)};
}

}  // namespace facet::models
