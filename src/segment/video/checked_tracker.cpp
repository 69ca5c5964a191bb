#include "segment/video/checked_tracker.h"

#include "segment/prompt_checks.h"

namespace facet::segment {
namespace {

Status bad_video_prompt(const std::string& message) { return {StatusCode::BadPrompt, message}; }

Status check_prompt(const VideoPrompt& prompt, Size video) {
  if (!prompt.mask) {
    const Prompt plain{.points = prompt.points, .labels = prompt.labels, .box = prompt.box};
    return check_prompts({&plain, 1}, video);
  }
  if (!prompt.points.empty() || !prompt.labels.empty() || prompt.box) {
    return bad_video_prompt("a mask stands alone; found points or a box beside it");
  }
  const Bitmap& mask = *prompt.mask;
  if (mask.size != video) {
    return bad_video_prompt("the mask has " + size_text(mask.size) + ", the video " + size_text(video));
  }
  if (mask.bits.size() != std::size_t(video.height) * std::size_t(video.width)) {
    return bad_video_prompt("the mask holds " + std::to_string(mask.bits.size()) + " pixels; expected " +
                            size_text(video));
  }
  return {};
}

}  // namespace

CheckedTracker::CheckedTracker(std::unique_ptr<Tracker> tracker, std::shared_ptr<FrameReader> frames)
    : tracker_(std::move(tracker)), frames_(std::move(frames)) {}

Status CheckedTracker::check_frame(int frame) const {
  const std::optional<int> count = frames_->frame_count();
  if (frame >= 0 && (!count || frame < *count)) return {};
  return bad_video_prompt("frame " + std::to_string(frame) + " lies outside the video; expected 0" +
                          (count ? " to " + std::to_string(*count - 1) : std::string(" or more")));
}

Status CheckedTracker::check_object(int object) const {
  if (!removed_.contains(object)) return {};
  return bad_video_prompt("object " + std::to_string(object) + " was removed; give it another number");
}

Result<FrameMasks> CheckedTracker::prompt(int frame, int object, const VideoPrompt& prompt) {
  FACET_RETURN_IF_ERROR(check_frame(frame));
  FACET_RETURN_IF_ERROR(check_object(object));
  FACET_RETURN_IF_ERROR(
      check_prompt(prompt, frames_->size())
          .with_context("frame " + std::to_string(frame) + ", object " + std::to_string(object)));
  return tracker_->prompt(frame, object, prompt);
}

Result<FrameMasks> CheckedTracker::track(int frame, TrackDirection direction) {
  FACET_RETURN_IF_ERROR(check_frame(frame));
  return tracker_->track(frame, direction);
}

Result<FrameMasks> CheckedTracker::clear_prompts(int frame, int object) {
  FACET_RETURN_IF_ERROR(check_frame(frame));
  FACET_RETURN_IF_ERROR(check_object(object));
  return tracker_->clear_prompts(frame, object);
}

Status CheckedTracker::remove_object(int object) {
  FACET_RETURN_IF_ERROR(check_object(object));
  FACET_RETURN_IF_ERROR(tracker_->remove_object(object));
  removed_.insert(object);
  return {};
}

void CheckedTracker::reset() {
  tracker_->reset();
  removed_.clear();
}

}  // namespace facet::segment
