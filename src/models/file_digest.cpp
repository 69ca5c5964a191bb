#include "models/file_digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
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

}  // namespace

Result<std::string> sha256_of_file(const std::filesystem::path& path, const std::stop_token& stop) {
  const FileHandle file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return unreadable(path);
  const DigestHandle digest = start_sha256();
  std::vector<unsigned char> block(kBlockBytes);
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    if (stop.stop_requested())
      return Status(StatusCode::Cancelled, "interrupted while checking " + path.string());
    EVP_DigestUpdate(digest.get(), block.data(), got);
  }
  if (std::ferror(file.get()) != 0) return unreadable(path);
  return finish_hex(digest.get());
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
  FACET_ASSIGN_OR_RETURN(const std::string found, sha256_of_file(path, stop));
  if (found == expected.sha256) return {};
  return {StatusCode::FetchFailed,
          fmt::format("{}: expected SHA-256 {}, found {}", path.string(), expected.sha256, found)};
}

}  // namespace facet::models
