#include "io/state_dict.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace facet::io {
namespace {

using Kind = PickleValue::Kind;
using Names = std::map<std::string_view, std::uint32_t>;

constexpr std::array<std::string_view, 3> kWrappers = {"model", "state_dict", "model_state_dict"};
constexpr std::string_view kParallelPrefix = "module.";

// Calls visit(key, value) for the entries under text keys until it returns true.
template <typename Visit>
void for_each_entry(const Pickle& pickle, const PickleValue& dict, Visit visit) {
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& key = pickle.at(dict.items[i]);
    if (key.kind == Kind::Text && visit(key.text, dict.items[i + 1])) return;
  }
}

bool holds_tensors(const Pickle& pickle, const PickleValue& dict) {
  bool found = false;
  for_each_entry(pickle, dict, [&](std::string_view, std::uint32_t value) {
    return found = pickle.at(value).kind == Kind::Tensor;
  });
  return found;
}

bool is_wrapper(std::string_view key) {
  return std::find(kWrappers.begin(), kWrappers.end(), key) != kWrappers.end();
}

std::optional<std::uint32_t> choose_dict(const Pickle& pickle) {
  std::vector<bool> seen(pickle.values.size());
  std::vector<std::uint32_t> queue = {pickle.root};
  seen[pickle.root] = true;
  std::optional<std::uint32_t> wrapped;
  std::optional<std::uint32_t> plain;
  for (std::size_t next = 0; next < queue.size() && !wrapped; ++next) {
    const PickleValue& dict = pickle.at(queue[next]);
    if (dict.kind != Kind::Dict) continue;
    if (!plain && holds_tensors(pickle, dict)) plain = queue[next];
    for_each_entry(pickle, dict, [&](std::string_view key, std::uint32_t value) {
      const PickleValue& inner = pickle.at(value);
      if (inner.kind != Kind::Dict) return false;
      if (is_wrapper(key) && holds_tensors(pickle, inner)) wrapped = value;
      if (!seen[value]) queue.push_back(value);
      seen[value] = true;
      return wrapped.has_value();
    });
  }
  return wrapped ? wrapped : plain;
}

Names without_prefix(const Names& names) {
  const bool everywhere = std::all_of(
      names.begin(), names.end(), [](const auto& entry) { return entry.first.starts_with(kParallelPrefix); });
  if (!everywhere) return names;
  Names shorter;
  for (const auto& [name, tensor] : names) shorter.emplace(name.substr(kParallelPrefix.size()), tensor);
  return shorter;
}

}  // namespace

Names find_state_dict(const Pickle& pickle) {
  const std::optional<std::uint32_t> chosen = choose_dict(pickle);
  Names names;
  if (!chosen) return names;
  for_each_entry(pickle, pickle.at(*chosen), [&](std::string_view key, std::uint32_t value) {
    if (pickle.at(value).kind == Kind::Tensor) {
      names.insert_or_assign(key, static_cast<std::uint32_t>(pickle.at(value).integer));
    }
    return false;
  });
  return without_prefix(names);
}

}  // namespace facet::io
