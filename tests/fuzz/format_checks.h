#pragma once

#include <string_view>

namespace facet::fuzz {

// What must hold for any bytes in a request or a file; each aborts when it does not. The fuzz targets feed
// them with libFuzzer, tests/corpus/corpus_test.cpp with the corpus.

/// Run lengths as COCO's text and as numbers: refused with a reason, or a mask that comes back from its
/// pixels, its text and its box. The first two bytes are the height and the width.
void check_rle(std::string_view bytes);
/// A picture that may have a few pixels only, so that all but the header is out of reach: refused with a
/// reason, or decoded within the limit. The bytes are also tried as an EXIF block.
void check_picture_header(std::string_view bytes);

}  // namespace facet::fuzz
