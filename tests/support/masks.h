#pragma once

#include <string>
#include <vector>

#include "facet/masks.h"

namespace facet::testing {

/// A mask drawn with characters, one string a row: '#' is one, anything else zero.
Bitmap drawn_mask(const std::vector<std::string>& rows);
/// The rows of a mask in the same characters: for messages that show both masks.
std::vector<std::string> drawing(const Bitmap& mask);
/// Blobs and specks, the same for the same seed everywhere; `density` is the share of ones, roughly.
Bitmap random_mask(Size size, double density, std::uint64_t seed);

}  // namespace facet::testing
