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

/// A dictionary on the way, and how it was reached.
struct Candidate {
  std::uint32_t value = 0;
  std::size_t parent = 0;  // in the queue; the root is its own
  std::string_view key;
};

std::string key_path(const std::vector<Candidate>& queue, std::size_t index) {
  std::vector<std::string_view> keys;
  for (; index != 0; index = queue[index].parent) keys.push_back(queue[index].key);
  std::string path;
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) path.append(path.empty() ? "" : ".").append(*key);
  return path;
}

struct Choice {
  std::uint32_t value = 0;
  std::string key;
};

std::optional<Choice> choose_dict(const Pickle& pickle) {
  std::vector<bool> seen(pickle.values.size());
  std::vector<Candidate> queue = {{pickle.root, 0, {}}};
  seen[pickle.root] = true;
  std::optional<std::size_t> wrapped;
  std::optional<std::size_t> plain;
  for (std::size_t next = 0; next < queue.size() && !wrapped; ++next) {
    const PickleValue& dict = pickle.at(queue[next].value);
    if (dict.kind != Kind::Dict) continue;
    if (!plain && holds_tensors(pickle, dict)) plain = next;
    for_each_entry(pickle, dict, [&](std::string_view key, std::uint32_t value) {
      const PickleValue& inner = pickle.at(value);
      if (inner.kind != Kind::Dict) return false;
      const bool is_wrapped = is_wrapper(key) && holds_tensors(pickle, inner);
      if (!seen[value] || is_wrapped) queue.push_back({value, next, key});
      seen[value] = true;
      if (is_wrapped) wrapped = queue.size() - 1;
      return is_wrapped;
    });
  }
  const std::optional<std::size_t> chosen = wrapped ? wrapped : plain;
  if (!chosen) return std::nullopt;
  return Choice{queue[*chosen].value, key_path(queue, *chosen)};
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

StateDict find_state_dict(const Pickle& pickle) {
  const std::optional<Choice> chosen = choose_dict(pickle);
  if (!chosen) return {};
  Names names;
  for_each_entry(pickle, pickle.at(chosen->value), [&](std::string_view key, std::uint32_t value) {
    if (pickle.at(value).kind == Kind::Tensor) {
      names.insert_or_assign(key, static_cast<std::uint32_t>(pickle.at(value).integer));
    }
    return false;
  });
  return {without_prefix(names), chosen->key};
}

}  // namespace facet::io
