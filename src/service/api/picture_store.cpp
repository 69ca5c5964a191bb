#include "service/api/picture_store.h"

#include <utility>

namespace facet::service {
namespace {

constexpr std::size_t kMaxRemembered = 100'000;  // entries, with and without bytes

}  // namespace

PictureStore::Entries& PictureStore::list_of(const Entry& entry) {
  return entry.picture.bytes == nullptr ? remembered_ : kept_;
}

void PictureStore::insert(const std::string& tenant, const std::string& id, StoredPicture picture) {
  const MutexLock lock(mutex_);
  if (picture.bytes != nullptr && picture.bytes->size() > budget_bytes_) picture.bytes = nullptr;
  const std::string key = key_of(tenant, id);
  if (const auto known = by_key_.find(key); known != by_key_.end()) remove(known->second);
  if (picture.bytes != nullptr) bytes_ += picture.bytes->size();
  Entry entry{key, std::move(picture)};
  Entries& list = list_of(entry);
  list.push_front(std::move(entry));
  by_key_[key] = list.begin();
  shrink();
}

std::optional<StoredPicture> PictureStore::find(const std::string& tenant, const std::string& id) {
  const MutexLock lock(mutex_);
  const auto known = by_key_.find(key_of(tenant, id));
  if (known == by_key_.end()) return std::nullopt;
  Entries& list = list_of(*known->second);
  list.splice(list.begin(), list, known->second);
  return known->second->picture;
}

bool PictureStore::erase(const std::string& tenant, const std::string& id) {
  const MutexLock lock(mutex_);
  const auto known = by_key_.find(key_of(tenant, id));
  if (known == by_key_.end()) return false;
  remove(known->second);
  return true;
}

std::size_t PictureStore::size_bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

void PictureStore::remove(Entries::iterator entry) {
  if (entry->picture.bytes != nullptr) bytes_ -= entry->picture.bytes->size();
  by_key_.erase(entry->key);
  list_of(*entry).erase(entry);
}

void PictureStore::shrink() {
  while (bytes_ > budget_bytes_) {
    const auto oldest = std::prev(kept_.end());
    bytes_ -= oldest->picture.bytes->size();
    oldest->picture.bytes = nullptr;
    remembered_.splice(remembered_.begin(), kept_, oldest);
  }
  while (remembered_.size() > kMaxRemembered) remove(std::prev(remembered_.end()));
}

}  // namespace facet::service
