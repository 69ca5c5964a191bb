#include "segment/video/mask_history.h"

#include <cstdlib>
#include <iterator>

namespace facet::segment {

std::size_t MaskHistory::bytes_of(const ObjectMask& mask) {
  constexpr std::size_t kEntry = 256;  // the nodes of the maps around it, roughly
  return kEntry + mask.rle.counts.size() * sizeof(std::uint32_t);
}

void MaskHistory::put(const FrameMasks& masks) {
  for (const ObjectMask& mask : masks.objects) {
    forget(masks.frame, mask.object);
    ObjectMask kept{.object = mask.object,
                    .score = mask.score,
                    .object_score = mask.object_score,
                    .rle = mask.rle,
                    .area = mask.area,
                    .bbox = mask.bbox};
    bytes_ += bytes_of(kept);
    frames_[masks.frame].insert_or_assign(mask.object, std::move(kept));
  }
  while (bytes_ > budget_bytes_ && frames_.size() > 1) {
    const auto last = std::prev(frames_.end());
    const bool first_is_farther = masks.frame - frames_.begin()->first >= last->first - masks.frame;
    erase(first_is_farther ? frames_.begin() : last);
  }
}

const ObjectMask* MaskHistory::find(int frame, int object) const {
  const auto masks = frames_.find(frame);
  if (masks == frames_.end()) return nullptr;
  const auto mask = masks->second.find(object);
  return mask == masks->second.end() ? nullptr : &mask->second;
}

void MaskHistory::erase(std::map<int, Frame>::iterator frame) {
  for (const auto& [object, mask] : frame->second) bytes_ -= bytes_of(mask);
  frames_.erase(frame);
}

void MaskHistory::forget(int frame, int object) {
  const auto masks = frames_.find(frame);
  if (masks == frames_.end()) return;
  const auto mask = masks->second.find(object);
  if (mask == masks->second.end()) return;
  bytes_ -= bytes_of(mask->second);
  masks->second.erase(mask);
  if (masks->second.empty()) frames_.erase(masks);
}

void MaskHistory::forget_object(int object) {
  for (auto frame = frames_.begin(); frame != frames_.end();) {
    const int number = (frame++)->first;  // forget may remove it
    forget(number, object);
  }
}

void MaskHistory::clear() {
  frames_.clear();
  bytes_ = 0;
}

}  // namespace facet::segment
