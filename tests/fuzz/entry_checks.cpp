#include "fuzz/entry_checks.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "service/embedding_codec.h"
#include "service/embedding_key.h"

namespace facet::fuzz {
namespace {

void check_entry(const std::vector<std::uint8_t>& entry, const std::string& key) {
  const auto embedding = service::decode_entry(entry, key, 0);
  if (!embedding.ok() && embedding.status().message().empty()) std::abort();
  if (embedding.ok() && embedding->features == nullptr) std::abort();
}

}  // namespace

void check_embedding_entry(std::string_view bytes) {
  const std::string key = "key";
  std::vector<std::uint8_t> entry(bytes.begin(), bytes.end());
  check_entry(entry, key);
  const service::ContentHash digest = service::content_hash(entry, key);
  entry.insert(entry.end(), digest.bytes.begin(), digest.bytes.end());
  check_entry(entry, key);
}

}  // namespace facet::fuzz
