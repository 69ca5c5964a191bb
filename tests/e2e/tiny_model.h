#pragma once

#include <cstdint>
#include <filesystem>

#include "facet/image.h"

namespace facet::e2e {

/// A checkpoint of SAM in miniature with weights by rule, written once for all tests of the process.
const std::filesystem::path& tiny_model();
/// The same with weights of another seed.
void write_tiny_model(const std::filesystem::path& path, std::uint64_t seed);

/// Bright discs on a dark ground, as PNG.
void write_picture(const std::filesystem::path& path, Size size = {120, 160});
/// The same in 16 bits a sample, grey, with values from 1000 on.
void write_picture_16(const std::filesystem::path& path, Size size = {120, 160});
/// A black and white mask with a white disc in the middle.
void write_mask(const std::filesystem::path& path, Size size = {120, 160});

}  // namespace facet::e2e
