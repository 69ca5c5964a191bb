#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "facet/image.h"
#include "facet/status.h"

namespace facet::io {

/// Decoded frames that are kept, and the reasons for those that could not be.
class FrameWindow {
 public:
  using Entry = Result<Image>;

  void put(int frame, Entry entry) { frames_.insert_or_assign(frame, std::move(entry)); }
  [[nodiscard]] const Entry* find(int frame) const {
    const auto found = frames_.find(frame);
    return found == frames_.end() ? nullptr : &found->second;
  }
  void keep_only(int first, int last) {
    frames_.erase(frames_.begin(), frames_.lower_bound(first));
    frames_.erase(frames_.upper_bound(last), frames_.end());
  }

 private:
  std::map<int, Entry> frames_;
};

}  // namespace facet::io
