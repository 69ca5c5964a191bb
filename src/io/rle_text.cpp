#include <limits>

#include "facet/masks.h"

// Each count is a signed number, 5 bits a character from the lowest up; characters are '0' + 6 bits, of which
// the highest says that more follow. From the fourth count on it is the difference to the count two before.
// Source  pycocotools, rleToString and rleFrString
namespace facet {
namespace {

constexpr int kPayloadBits = 5;
constexpr std::int64_t kPayload = 0x1f;
constexpr std::int64_t kSign = 0x10;
constexpr std::int64_t kMore = 0x20;
constexpr char kZero = '0';
constexpr int kMaxCharacters = 7;  // differences of 32-bit counts need 33 bits and fit into 35

void append_number(std::int64_t value, std::string& text) {
  bool more = true;
  while (more) {
    std::int64_t bits = value & kPayload;
    value >>= kPayloadBits;
    more = (bits & kSign) != 0 ? value != -1 : value != 0;
    if (more) bits |= kMore;
    text.push_back(char(kZero + bits));
  }
}

Status bad_text(std::size_t position, const std::string& found) {
  return {StatusCode::BadPrompt,
          "compressed run lengths, character " + std::to_string(position) + ": " + found};
}

// Reads the number that starts at `position` and moves past it.
Result<std::int64_t> read_number(const std::string& text, std::size_t& position) {
  std::int64_t value = 0;
  for (int i = 0; i < kMaxCharacters; ++i) {
    if (position == text.size()) return bad_text(position, "the text ends within a number");
    const std::int64_t bits = std::int64_t(text[position]) - kZero;
    if (bits < 0 || bits >= 64) return bad_text(position, "expected one of '0' to 'o'");
    ++position;
    value |= (bits & kPayload) << (kPayloadBits * i);
    if ((bits & kMore) != 0) continue;
    if ((bits & kSign) != 0) value -= std::int64_t{1} << (kPayloadBits * (i + 1));
    return value;
  }
  return bad_text(position, "expected a number of at most 7 characters, found a longer one");
}

}  // namespace

std::string rle_to_string(const Rle& rle) {
  std::string text;
  for (std::size_t i = 0; i < rle.counts.size(); ++i) {
    const std::int64_t before = i > 2 ? rle.counts[i - 2] : 0;
    append_number(std::int64_t(rle.counts[i]) - before, text);
  }
  return text;
}

Result<Rle> rle_from_string(const std::string& text, Size size) {
  std::vector<std::uint32_t> counts;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t start = position;
    FACET_ASSIGN_OR_RETURN(std::int64_t count, read_number(text, position));
    if (counts.size() > 2) count += counts[counts.size() - 2];
    if (count < 0 || count > std::numeric_limits<std::uint32_t>::max()) {
      return bad_text(start, "expected a length from 0 to 2^32 - 1, found " + std::to_string(count));
    }
    counts.push_back(std::uint32_t(count));
  }
  return rle_from_counts(std::move(counts), size);
}

}  // namespace facet
