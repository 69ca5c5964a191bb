#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/mutex.h"
#include "facet/image.h"

namespace facet::service {

/// An uploaded picture as it was sent.
struct StoredPicture {
  std::shared_ptr<const std::string> bytes;  ///< null: it was here, and had to go
  Size size;                                 ///< upright
};

/// Uploaded pictures of all tenants by their ids, within a byte budget: the least recently used lose their
/// bytes, but it is remembered for a while that they were here.
/// Threads  any
class PictureStore {
 public:
  explicit PictureStore(std::size_t budget_bytes) : budget_bytes_(budget_bytes) {}

  /// One that alone exceeds the budget is remembered without its bytes.
  void insert(const std::string& tenant, const std::string& id, StoredPicture picture) FACET_EXCLUDES(mutex_);
  /// Nothing for an id that was never here, or was erased, or was forgotten.
  [[nodiscard]] std::optional<StoredPicture> find(const std::string& tenant, const std::string& id)
      FACET_EXCLUDES(mutex_);
  /// Whether it was known.
  bool erase(const std::string& tenant, const std::string& id) FACET_EXCLUDES(mutex_);
  [[nodiscard]] std::size_t size_bytes() const FACET_EXCLUDES(mutex_);

 private:
  struct Entry {
    std::string key;
    StoredPicture picture;
  };
  using Entries = std::list<Entry>;
  static std::string key_of(const std::string& tenant, const std::string& id) { return id + tenant; }
  Entries& list_of(const Entry& entry) FACET_REQUIRES(mutex_);
  void remove(Entries::iterator entry) FACET_REQUIRES(mutex_);
  void shrink() FACET_REQUIRES(mutex_);

  const std::size_t budget_bytes_;
  mutable Mutex mutex_;
  // The most recently used first.
  Entries kept_ FACET_GUARDED_BY(mutex_);
  Entries remembered_ FACET_GUARDED_BY(mutex_);  // without bytes
  std::unordered_map<std::string, Entries::iterator> by_key_ FACET_GUARDED_BY(mutex_);
  std::size_t bytes_ FACET_GUARDED_BY(mutex_) = 0;
};

}  // namespace facet::service
