#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "service/embedding_codec.h"
#include "service/embedding_key.h"

/// Any bytes are an entry of the embedding cache, or are refused with a reason. They are tried as they are,
/// and with the checksum that fits them: what one who can write to the cache could store.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using facet::service::content_hash;
  using facet::service::decode_entry;
  const std::string key = "key";
  std::vector<std::uint8_t> entry(data, data + size);
  const auto check = [&] {
    const auto embedding = decode_entry(entry, key, 0);
    if (!embedding.ok() && embedding.status().message().empty()) std::abort();
    if (embedding.ok() && embedding->features == nullptr) std::abort();
  };
  check();
  const facet::service::ContentHash digest = content_hash(entry, key);
  entry.insert(entry.end(), digest.bytes.begin(), digest.bytes.end());
  check();
  return 0;
}
