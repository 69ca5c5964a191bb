#pragma once

#include <optional>
#include <vector>

#include "facet/frame_reader.h"
#include "facet/masks.h"

namespace facet::testing {

/// A textured reddish disc on a textured bluish ground; the disc's texture moves and grows with it.
Image scene_frame(Size size, Point centre, double radius);
Bitmap disc_mask(Size size, Point centre, double radius);

/// Frames in memory; one of them may be damaged.
class MemoryFrames : public FrameReader {
 public:
  explicit MemoryFrames(std::vector<Image> frames, int damaged = -1)
      : frames_(std::move(frames)), damaged_(damaged) {}
  [[nodiscard]] Size size() const override { return frames_.at(0).size(); }
  [[nodiscard]] std::optional<int> frame_count() const override { return int(frames_.size()); }
  Result<std::optional<Image>> read(int frame) override {
    if (frame == damaged_)
      return Status(StatusCode::BadPicture, "frame " + std::to_string(frame) + " is damaged");
    if (frame >= int(frames_.size())) return std::optional<Image>();
    return std::optional<Image>(frames_.at(std::size_t(frame)));
  }

 private:
  std::vector<Image> frames_;
  int damaged_;
};

}  // namespace facet::testing
