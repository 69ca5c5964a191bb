#include "service/embedding_key.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstring>
#include <memory>
#include <new>

namespace facet::service {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
      throw std::bad_alloc();
    }
  }
  void add(std::span<const std::uint8_t> bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  void add(const std::string& text) { EVP_DigestUpdate(context_.get(), text.data(), text.size()); }
  ContentHash finish() {
    ContentHash hash;
    EVP_DigestFinal_ex(context_.get(), hash.bytes.data(), nullptr);
    return hash;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace

std::string ContentHash::hex() const {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

ContentHash content_hash(std::span<const std::uint8_t> bytes, const std::string& variant) {
  Sha256 hash;
  hash.add(bytes);
  hash.add(variant);
  return hash.finish();
}

std::string EmbeddingKey::text() const {
  const std::string owner = tenant.empty() ? "-" : content_hash({}, tenant).hex().substr(0, 32);
  return fmt::format("facet:embedding:1:{:016x}:{}:{}:{}", model_fingerprint, precision, owner,
                     content.hex());
}

std::size_t EmbeddingKeyHash::operator()(const EmbeddingKey& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.content.bytes.data(), sizeof hash);  // already a good hash of the content
  hash ^= key.model_fingerprint * 0x9E3779B97F4A7C15ULL;
  hash ^= std::hash<std::string>()(key.tenant) + std::hash<std::string>()(key.precision) * 31;
  return hash;
}

}  // namespace facet::service
