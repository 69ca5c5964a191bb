#include "models/file_digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <vector>

namespace facet::models {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;
using DigestHandle = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

DigestHandle start_sha256() {
  DigestHandle digest(EVP_MD_CTX_new());
  if (digest == nullptr || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
  return digest;
}

std::string finish_hex(EVP_MD_CTX* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(digest, bytes.data(), &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

Status unreadable(const std::filesystem::path& path) {
  return {StatusCode::FetchFailed, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))};
}

/// Hands the file's content to `take` block by block.
template <class Take>
Status read_blocks(const std::filesystem::path& path, const std::stop_token& stop, const Take& take) {
  const FileHandle file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return unreadable(path);
  std::vector<unsigned char> block(kBlockBytes);
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    if (stop.stop_requested()) return {StatusCode::Cancelled, "interrupted while checking " + path.string()};
    take(std::span(block.data(), got));
  }
  return std::ferror(file.get()) == 0 ? Status() : unreadable(path);
}

constexpr std::array<std::uint32_t, 256> crc32c_table() {
  constexpr std::uint32_t kPolynomial = 0x82F63B78;  // Castagnoli's, bits reversed
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1U) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}

}  // namespace

Result<std::string> sha256_of_file(const std::filesystem::path& path, const std::stop_token& stop) {
  const DigestHandle digest = start_sha256();
  FACET_RETURN_IF_ERROR(read_blocks(path, stop, [&digest](std::span<const unsigned char> block) {
    EVP_DigestUpdate(digest.get(), block.data(), block.size());
  }));
  return finish_hex(digest.get());
}

Result<std::string> crc32c_of_file(const std::filesystem::path& path, const std::stop_token& stop) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc32c_table();
  std::uint32_t crc = ~0U;
  FACET_RETURN_IF_ERROR(read_blocks(path, stop, [&crc](std::span<const unsigned char> block) {
    for (const unsigned char byte : block) crc = crc >> 8 ^ kTable[(crc ^ byte) & 0xFFU];
  }));
  return fmt::format("{:08x}", ~crc);
}

Status check_file(const std::filesystem::path& path, const PinnedFile& expected,
                  const std::stop_token& stop) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error)
    return {StatusCode::FetchFailed, fmt::format("cannot read {}: {}", path.string(), error.message())};
  if (size != static_cast<std::uintmax_t>(expected.size_bytes)) {
    return {StatusCode::FetchFailed,
            fmt::format("{}: expected {} bytes, found {}", path.string(), expected.size_bytes, size)};
  }
  const bool crc = expected.sha256.empty();
  FACET_ASSIGN_OR_RETURN(const std::string found,
                         crc ? crc32c_of_file(path, stop) : sha256_of_file(path, stop));
  const std::string_view wanted = crc ? expected.crc32c : expected.sha256;
  if (found == wanted) return {};
  return {StatusCode::FetchFailed, fmt::format("{}: expected {} {}, found {}", path.string(),
                                               crc ? "CRC-32C" : "SHA-256", wanted, found)};
}

}  // namespace facet::models
