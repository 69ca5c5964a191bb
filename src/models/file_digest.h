#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "facet/status.h"
#include "models/catalogue.h"

namespace facet::models {

/// The SHA-256 of a file's content, 64 lower-case hex digits.
/// Errors  FetchFailed when the file cannot be read; Cancelled
Result<std::string> sha256_of_file(const std::filesystem::path& path, const std::stop_token& stop = {});

/// The CRC-32C (Castagnoli) of a file's content, 8 lower-case hex digits.
/// Errors  as sha256_of_file
Result<std::string> crc32c_of_file(const std::filesystem::path& path, const std::stop_token& stop = {});

/// Ok when `path` has the size and the digest of `expected`.
/// Errors  FetchFailed saying what was expected and found; Cancelled
Status check_file(const std::filesystem::path& path, const PinnedFile& expected,
                  const std::stop_token& stop = {});

}  // namespace facet::models
