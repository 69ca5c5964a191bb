#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "facet/image.h"
#include "facet/status.h"

namespace facet::io {

using EncodedPicture = Result<std::vector<std::uint8_t>>;
using ColourTable = std::span<const std::array<std::uint8_t, 3>>;

/// Whole picture files in memory, the same bytes for the same pixels; io::write_file puts them in place.
///
/// Shapes  pixels [size.height][size.width]
/// Errors  ContractError when the pixels do not fill the size, or an index or bit is outside its range;
///         OutputFailed when the format cannot hold the picture (an empty one, for one)
EncodedPicture encode_png(const Image& image);
EncodedPicture encode_png_gray8(Size size, std::span<const std::uint8_t> pixels);
/// For instance labels and depth: values stay as they are.
EncodedPicture encode_png_gray16(Size size, std::span<const std::uint16_t> pixels);
/// One bit a pixel; `bits` holds 0 (black) and 1 (white).
EncodedPicture encode_png_bilevel(Size size, std::span<const std::uint8_t> bits);
/// 8-bit indices into 1 to 256 colours: class maps that show their colours and keep their numbers.
EncodedPicture encode_png_indexed(Size size, std::span<const std::uint8_t> indices, ColourTable palette);
/// Deflate-compressed strips, as ImageJ, tifffile and OpenCV read them.
EncodedPicture encode_tiff_gray16(Size size, std::span<const std::uint16_t> pixels);

}  // namespace facet::io
