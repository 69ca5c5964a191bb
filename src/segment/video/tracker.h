#pragma once

#include "facet/video_session.h"

namespace facet::segment {

/// How a VideoSession follows objects: by a model's own memory, or by optical flow. The functions are the
/// session's, with prompts already checked against the video's size.
class Tracker {
 public:
  virtual ~Tracker() = default;
  virtual Result<FrameMasks> prompt(int frame, int object, const VideoPrompt& prompt) = 0;
  virtual Result<FrameMasks> track(int frame, TrackDirection direction) = 0;
  virtual Result<FrameMasks> clear_prompts(int frame, int object) = 0;
  virtual Status remove_object(int object) = 0;
  virtual void reset() = 0;
  [[nodiscard]] virtual std::vector<int> objects() const = 0;
  [[nodiscard]] virtual std::optional<int> first_prompted_frame() const = 0;
  [[nodiscard]] virtual TrackingReport report() const = 0;
};

}  // namespace facet::segment
