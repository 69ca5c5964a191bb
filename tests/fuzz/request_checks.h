#pragma once

#include <string_view>

namespace facet::fuzz {

// What must hold for any bytes that a client may send; each aborts when it does not. The fuzz targets feed
// them with libFuzzer, tests/corpus/corpus_test.cpp with the corpus.

/// Fed whole and in pieces, a form gives the same parts or is refused both times, with a reason.
void check_multipart(std::string_view bytes);
/// Bytes that are base64 come back when they are encoded and read again.
void check_base64(std::string_view bytes);
/// JSON of any form is refused, or passes a schema and is then read without trouble.
void check_request_json(std::string_view bytes);

}  // namespace facet::fuzz
