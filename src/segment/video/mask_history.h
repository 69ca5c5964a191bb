#pragma once

#include <cstddef>
#include <map>

#include "facet/video_session.h"

namespace facet::segment {

/// The masks of frames that were tracked, as run lengths, within a budget: the frames farthest from the last
/// one go first.
class MaskHistory {
 public:
  explicit MaskHistory(std::size_t budget_bytes) : budget_bytes_(budget_bytes) {}

  /// Logits are not kept.
  void put(const FrameMasks& masks);
  /// Null when the object was not tracked on the frame, or the frame is no longer kept.
  [[nodiscard]] const ObjectMask* find(int frame, int object) const;
  void forget_object(int object);
  void forget(int frame, int object);
  void clear();
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  using Frame = std::map<int, ObjectMask>;
  static std::size_t bytes_of(const ObjectMask& mask);
  void erase(std::map<int, Frame>::iterator frame);

  const std::size_t budget_bytes_;
  std::map<int, Frame> frames_;
  std::size_t bytes_ = 0;
};

}  // namespace facet::segment
