#pragma once

#include <optional>

#include "facet/image.h"
#include "facet/status.h"

namespace facet {

/// The frames of a video by number, counted from 0. A session reads mostly forward, and backward when it
/// tracks backward or a prompt asks for an earlier frame. Threads  one thread at a time
class FrameReader {
 public:
  virtual ~FrameReader() = default;
  /// Of every frame, in pixels.
  [[nodiscard]] virtual Size size() const = 0;
  /// Nothing while the end is not known: a pipe, a camera.
  [[nodiscard]] virtual std::optional<int> frame_count() const = 0;
  /// The frame as 8-bit RGB; nothing past the end of the video.
  /// Errors  BadPicture: this frame is damaged or has another size (others may be fine), or lies before what
  /// a
  ///         live stream still keeps; the message names frame and source
  [[nodiscard]] virtual Result<std::optional<Image>> read(int frame) = 0;
};

}  // namespace facet
