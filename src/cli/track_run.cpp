#include "cli/track_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cli/human_text.h"

namespace facet::cli {
namespace {

constexpr int kToldDamage = 5;

int step_of(const TrackPass& pass) { return pass.direction == TrackDirection::Forward ? 1 : -1; }

bool is_written(const TrackPass& pass, int frame) { return !pass.written_from || frame < *pass.written_from; }

/// Frames of a pass; 0 when its end is not known.
int length_of(const TrackPass& pass) {
  return pass.last ? std::max(0, (*pass.last - pass.first) * step_of(pass) + 1) : 0;
}

}  // namespace

std::vector<TrackPass> plan_passes(const std::vector<TrackStep>& steps, TrackWay way, int range_first,
                                   std::optional<int> range_last) {
  const auto by_frame = [](const TrackStep& a, const TrackStep& b) { return a.frame < b.frame; };
  const auto [first, last] = std::minmax_element(steps.begin(), steps.end(), by_frame);
  if (way == TrackWay::Backward) return {{TrackDirection::Backward, last->frame, range_first}};
  std::vector<TrackPass> passes = {{TrackDirection::Forward, first->frame, range_last}};
  if (way == TrackWay::Both) {
    passes.push_back({TrackDirection::Backward, *range_last, range_first, first->frame});
  }
  return passes;
}

TrackRun::TrackRun(VideoReader& video, VideoSession& session, TrackOutputs& outputs,
                   std::vector<TrackStep> steps, Io& io)
    : video_(video),
      session_(session),
      outputs_(outputs),
      steps_(std::move(steps)),
      io_(io),
      bar_(io, "frames", ProgressUnit::Items) {}

Status TrackRun::apply_step(std::size_t index) {
  const TrackStep& step = steps_[index];
  FACET_ASSIGN_OR_RETURN(const FrameMasks masks, session_.prompt(step.frame, step.object, step.prompt));
  outputs_.add_tensors(fmt::format("step{}_logits", index), masks);
  return {};
}

// A stream has no later frames yet: what is said about them waits for them.
Status TrackRun::apply_steps_on(int frame) {
  while (applied_ < steps_.size() && steps_[applied_].frame <= frame) {
    FACET_RETURN_IF_ERROR(apply_step(applied_++));
  }
  return {};
}

Status TrackRun::follow(std::vector<TrackPass> passes) {
  const bool live = !video_.frame_count();
  if (live) {
    std::stable_sort(steps_.begin(), steps_.end(),
                     [](const TrackStep& a, const TrackStep& b) { return a.frame < b.frame; });
  } else {
    for (std::size_t i = 0; i < steps_.size(); ++i) FACET_RETURN_IF_ERROR(apply_step(i));
    applied_ = steps_.size();
  }
  FACET_RETURN_IF_ERROR(resume(passes));
  for (const TrackPass& pass : passes) total_ += length_of(pass);
  if (live) total_ = 0;
  for (const TrackPass& pass : passes) FACET_RETURN_IF_ERROR(follow_pass(pass));
  return {};
}

Status TrackRun::resume(std::vector<TrackPass>& passes) {
  std::vector<FrameResult> earlier = outputs_.take_earlier();
  std::size_t kept = 0;
  std::vector<TrackPass> rest;
  const FrameResult* last = nullptr;
  for (TrackPass pass : passes) {
    int frame = pass.first;
    // A resumed run does not go back over frames that were written: it begins where writing begins.
    if (!earlier.empty() && pass.written_from && kept < earlier.size()) frame = *pass.written_from - 1;
    const int begin = frame;
    while (pass.last && kept < earlier.size() && (*pass.last - frame) * step_of(pass) >= 0 &&
           earlier[kept].masks.frame == frame) {
      last = earlier[kept].status.ok() ? &earlier[kept] : last;
      frame += step_of(pass);
      ++kept;
    }
    if (frame == begin && begin != pass.first) frame = pass.first;
    if (frame != begin) pass.first = frame;
    if (length_of(pass) > 0) rest.push_back(pass);
  }
  FACET_RETURN_IF_ERROR(outputs_.keep_earlier(kept));
  if (kept == 0) return {};
  earlier.resize(kept);
  resumed_ = int(kept);
  FACET_RETURN_IF_ERROR(redraw(earlier));
  passes = std::move(rest);
  const bool goes_on =
      last != nullptr && !passes.empty() && std::abs(passes[0].first - last->masks.frame) <= int(kept);
  return goes_on ? prime(*last) : Status();
}

Status TrackRun::redraw(const std::vector<FrameResult>& earlier) {
  for (const FrameResult& result : earlier) {
    count(result.masks);
    if (!result.status.ok()) ++damaged_;
    if (!outputs_.wants_overlay() || !result.status.ok()) continue;
    FACET_ASSIGN_OR_RETURN(const std::optional<Image> image, video_.read(result.masks.frame));
    if (!image) continue;
    FACET_RETURN_IF_ERROR(outputs_.add_to_overlay(result, &*image, video_.timestamp(result.masks.frame)));
  }
  return {};
}

// What the interrupted run knew is gone; its last masks stand for it.
Status TrackRun::prime(const FrameResult& last) {
  for (const ObjectMask& object : last.masks.objects) {
    if (object.area == 0) continue;
    const VideoPrompt prompt{.mask = rle_decode(object.rle)};
    FACET_RETURN_IF_ERROR(session_.prompt(last.masks.frame, object.object, prompt).status());
  }
  return {};
}

Status TrackRun::follow_pass(const TrackPass& pass) {
  const int step = step_of(pass);
  for (int frame = pass.first; !pass.last || (*pass.last - frame) * step >= 0; frame += step) {
    if (io_.stop.stop_requested()) return {StatusCode::Cancelled, "interrupted"};
    FACET_ASSIGN_OR_RETURN(const bool more, follow_frame(pass, frame));
    if (!more) break;
    ++done_;
    show_progress();
  }
  return {};
}

Result<bool> TrackRun::follow_frame(const TrackPass& pass, int frame) {
  FrameResult result;
  result.masks.frame = frame;
  Result<std::optional<Image>> image = video_.read(frame);
  if (image.ok() && !*image) return false;
  result.status = image.status();
  if (image.ok()) {
    FACET_RETURN_IF_ERROR(apply_steps_on(frame));
    Result<FrameMasks> masks = session_.track(frame, pass.direction);
    result.status = masks.status();
    if (masks.ok()) result.masks = std::move(*masks);
  }
  if (!result.status.ok() && result.status.code() != StatusCode::BadPicture) return result.status;
  if (!result.status.ok()) note_damage(result.status);
  FACET_RETURN_IF_ERROR(deliver(pass, result, image.ok() ? &**image : nullptr, frame));
  return true;
}

Status TrackRun::deliver(const TrackPass& pass, const FrameResult& result, const Image* image, int frame) {
  if (result.status.ok() && outputs_.wants_tensors()) {
    const char* name = pass.direction == TrackDirection::Forward ? "frame" : "reverse";
    outputs_.add_tensors(fmt::format("{}{}_logits", name, frame), result.masks);
  }
  if (!is_written(pass, frame)) return {};
  count(result.masks);
  return outputs_.add(result, image, image != nullptr ? video_.timestamp(frame) : 0);
}

void TrackRun::note_damage(const Status& status) {
  ++damaged_;
  if (damaged_ > kToldDamage) return;
  bar_.clear();
  tell(io_, status.message() + (damaged_ == kToldDamage ? " (further ones are only counted)" : ""));
}

void TrackRun::count(const FrameMasks& masks) {
  for (const ObjectMask& object : masks.objects) {
    Seen& seen = seen_[object.object];
    if (object.area == 0) continue;
    if (seen.frames == 0) seen.first = seen.last = masks.frame;
    seen.first = std::min(seen.first, masks.frame);
    seen.last = std::max(seen.last, masks.frame);
    seen.score_sum += object.score;
    ++seen.frames;
  }
}

void TrackRun::show_progress() {
  const TrackingReport report = session_.report();
  const int share = report.frames_tracked == 0 ? 0 : 100 * report.frames_encoded / report.frames_tracked;
  bar_.set_label(fmt::format("frames, {}% encoded", std::min(share, 100)));
  bar_.update(done_, total_);
}

std::string TrackRun::table() const {
  std::vector<std::vector<std::string>> rows = {{"OBJECT", "FRAMES SEEN", "FIRST", "LAST", "MEAN SCORE"}};
  for (const auto& [object, seen] : seen_) {
    const bool ever = seen.frames > 0;
    rows.push_back({std::to_string(object), std::to_string(seen.frames),
                    ever ? std::to_string(seen.first) : "-", ever ? std::to_string(seen.last) : "-",
                    ever ? fmt::format("{:.3f}", seen.score_sum / seen.frames) : "-"});
  }
  return human_table(rows);
}

}  // namespace facet::cli
