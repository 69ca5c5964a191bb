#pragma once

#include <string_view>

namespace facet::fuzz {

/// Any bytes are an entry of the embedding cache, or are refused with a reason; aborts when it is neither.
/// They are tried as they are, and with the checksum that fits them: what one who can write to the cache
/// could store.
void check_embedding_entry(std::string_view bytes);

}  // namespace facet::fuzz
