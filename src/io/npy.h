#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "facet/status.h"
#include "facet/tensor.h"

namespace facet::io {

/// Reads an array that NumPy saved (.npy versions 1 to 3): little-endian floats of 2, 4 and 8 bytes, integers
/// that facet::DType has, and bool, in C order; an array in Fortran order comes out in C order. Errors
/// BadModel naming the file, what was expected and what was found; objects are refused, never unpickled
/// Source  numpy/lib/format.py, "Format Version 1.0" to "3.0"
Result<Tensor> read_npy(const std::filesystem::path& path);
/// The same over bytes in memory.
Result<Tensor> parse_npy(std::span<const std::uint8_t> bytes);

}  // namespace facet::io
