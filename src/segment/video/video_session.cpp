#include "facet/video_session.h"

#include "segment/video/checked_tracker.h"
#include "segment/video/flow_tracker.h"

namespace facet {

VideoSession::VideoSession(ModelPtr model, std::shared_ptr<FrameReader> frames, VideoOptions options)
    : tracker_(std::make_unique<segment::CheckedTracker>(
          std::make_unique<segment::FlowTracker>(std::move(model), frames, std::move(options)), frames)) {}
VideoSession::~VideoSession() = default;
VideoSession::VideoSession(VideoSession&&) noexcept = default;
VideoSession& VideoSession::operator=(VideoSession&&) noexcept = default;

Result<FrameMasks> VideoSession::prompt(int frame, int object, const VideoPrompt& prompt) {
  return tracker_->prompt(frame, object, prompt);
}

Result<FrameMasks> VideoSession::track(int frame, TrackDirection direction) {
  return tracker_->track(frame, direction);
}

Result<FrameMasks> VideoSession::clear_prompts(int frame, int object) {
  return tracker_->clear_prompts(frame, object);
}

Status VideoSession::remove_object(int object) { return tracker_->remove_object(object); }
void VideoSession::reset() { tracker_->reset(); }
std::vector<int> VideoSession::objects() const { return tracker_->objects(); }

std::optional<int> VideoSession::first_prompted_frame() const { return tracker_->first_prompted_frame(); }
TrackingReport VideoSession::report() const { return tracker_->report(); }

}  // namespace facet
