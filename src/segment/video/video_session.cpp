#include "facet/video_session.h"

#include "models/sam_model.h"
#include "segment/video/checked_tracker.h"
#include "segment/video/flow_tracker.h"
#include "segment/video/memory_tracker.h"

namespace facet {
namespace {

std::unique_ptr<segment::Tracker> make_tracker(ModelPtr model, std::shared_ptr<FrameReader> frames,
                                               VideoOptions options) {
  if (model->memory) {
    return segment::make_memory_tracker(std::move(model), std::move(frames), std::move(options));
  }
  return std::make_unique<segment::FlowTracker>(std::move(model), std::move(frames), std::move(options));
}

}  // namespace

VideoSession::VideoSession(ModelPtr model, std::shared_ptr<FrameReader> frames, VideoOptions options)
    : tracker_(std::make_unique<segment::CheckedTracker>(
          make_tracker(std::move(model), frames, std::move(options)), frames)) {}
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
