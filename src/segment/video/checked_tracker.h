#pragma once

#include <memory>
#include <set>

#include "segment/video/tracker.h"

namespace facet::segment {

/// Checks what a caller asks against the video and hands it on.
///
/// Errors  BadPrompt naming frame and object, what was expected and found: a frame outside the video, an
///         object that was removed, points and boxes as check_prompts, a mask of another size than the video
///         or with points or a box beside it
class CheckedTracker : public Tracker {
 public:
  CheckedTracker(std::unique_ptr<Tracker> tracker, std::shared_ptr<FrameReader> frames);

  Result<FrameMasks> prompt(int frame, int object, const VideoPrompt& prompt) override;
  Result<FrameMasks> track(int frame, TrackDirection direction) override;
  Result<FrameMasks> clear_prompts(int frame, int object) override;
  Status remove_object(int object) override;
  void reset() override;
  [[nodiscard]] std::vector<int> objects() const override { return tracker_->objects(); }
  [[nodiscard]] std::optional<int> first_prompted_frame() const override {
    return tracker_->first_prompted_frame();
  }
  [[nodiscard]] TrackingReport report() const override { return tracker_->report(); }

 private:
  [[nodiscard]] Status check_frame(int frame) const;
  [[nodiscard]] Status check_object(int object) const;
  std::unique_ptr<Tracker> tracker_;
  std::shared_ptr<FrameReader> frames_;
  std::set<int> removed_;
};

}  // namespace facet::segment
