#include "segment/video/memory_tracker.h"

#include <algorithm>
#include <cstdlib>

#include "ops/transfer.h"
#include "segment/guard.h"
#include "segment/logit_cleanup.h"
#include "segment/mask_upsampling.h"
#include "segment/video/frame_features.h"
#include "segment/video/frame_masks.h"
#include "segment/video/object_decoder.h"
#include "segment/video/tracked_object.h"

namespace facet::segment {
namespace {

constexpr std::size_t kMegabyte = 1 << 20;
constexpr float kLargestPreviousLogit = 32.0F;
constexpr float kFilledHoleLogit = 0.1F;
// Objects decoded and remembered at once: more bring memory, not speed.
constexpr std::size_t kMostAtOnce = 4;

class MemoryTracker : public Tracker {
 public:
  MemoryTracker(ModelPtr model, std::shared_ptr<FrameReader> frames, VideoOptions options)
      : model_(std::move(model)),
        frames_(std::move(frames)),
        options_(std::move(options)),
        budget_bytes_(std::size_t(std::max(1, options_.memory_mb)) * kMegabyte),
        ctx_(model_->kernels, ThreadTeam(options_.threads)),
        features_(model_, frames_, budget_bytes_ / 3) {
    ctx_.set_stop(options_.stop);
  }

  Result<FrameMasks> prompt(int frame, int object, const VideoPrompt& prompt) override;
  Result<FrameMasks> track(int frame, TrackDirection direction) override;
  Result<FrameMasks> clear_prompts(int frame, int object) override;
  Status remove_object(int object) override;
  void reset() override { objects_.clear(); }
  [[nodiscard]] std::vector<int> objects() const override;
  [[nodiscard]] std::optional<int> first_prompted_frame() const override;
  [[nodiscard]] TrackingReport report() const override;

 private:
  TrackedObject* find(int object);
  [[nodiscard]] Result<FrameOutput> answer_points(TrackedObject& object, int frame,
                                                  const VideoPrompt& prompt);
  [[nodiscard]] models::EncoderPrompt model_points(const TrackedObject& object, int frame,
                                                   const VideoPrompt& prompt) const;
  [[nodiscard]] Tensor conditioned(FrameFeatures& features, const TrackedObject& object, int frame,
                                   TrackDirection direction);
  [[nodiscard]] Status remember_prompts(TrackedObject& object);
  [[nodiscard]] Status remember(FrameOutputs& fresh, FrameOutputs& kept, TrackedObject& object);
  void track_objects(std::span<TrackedObject* const> objects, FrameFeatures& features, int frame,
                     TrackDirection direction);
  void fill_holes(FrameOutput& output) const;
  [[nodiscard]] FrameMasks masks_on(int frame) const;

  ModelPtr model_;
  std::shared_ptr<FrameReader> frames_;
  VideoOptions options_;
  std::size_t budget_bytes_;
  ops::Context ctx_;
  FrameFeatureCache features_;
  std::vector<TrackedObject> objects_;  // in the order they were first prompted
  int tracked_frames_ = 0;
};

TrackedObject* MemoryTracker::find(int object) {
  const auto found = std::ranges::find(objects_, object, &TrackedObject::id);
  return found == objects_.end() ? nullptr : &*found;
}

models::EncoderPrompt MemoryTracker::model_points(const TrackedObject& object, int frame,
                                                  const VideoPrompt& prompt) const {
  models::EncoderPrompt out;
  const Placement placement{frames_->size(), {model_->image_size(), model_->image_size()}, true};
  const auto earlier = object.points.find(frame);
  if (prompt.keep_earlier_points && earlier != object.points.end()) out = earlier->second;
  if (prompt.box) {
    const Box box = placement.to_model(*prompt.box);
    out.points_model_px.insert(out.points_model_px.end(), {{box.x0, box.y0}, {box.x1, box.y1}});
    out.labels.insert(out.labels.end(), {models::kTopLeft, models::kBottomRight});
  }
  for (const Point& point : prompt.points) out.points_model_px.push_back(placement.to_model(point));
  out.labels.insert(out.labels.end(), prompt.labels.begin(), prompt.labels.end());
  return out;
}

Tensor MemoryTracker::conditioned(FrameFeatures& features, const TrackedObject& object, int frame,
                                  TrackDirection direction) {
  if (features.begun.empty())
    features.begun = ops::kept(ctx_, model_->memory->attention.begin(ctx_, features.encoded.image));
  const models::ObjectMemory memory = recall(
      ctx_, *model_->memory, object,
      {.frame = frame,
       .direction = direction,
       .frame_count = options_.frame_count > 0 ? options_.frame_count : frames_->frame_count().value_or(0),
       .max_prompted_frames = options_.max_prompted_frames});
  return model_->memory->attention.finish(ctx_, features.begun, memory);
}

Result<FrameOutput> MemoryTracker::answer_points(TrackedObject& object, int frame,
                                                 const VideoPrompt& prompt) {
  FACET_ASSIGN_OR_RETURN(FrameFeatures * features, features_.get(ctx_, frame));
  const FrameOutput* previous = object.find(frame);
  const auto visited = previous == nullptr ? std::nullopt : previous->visited;
  const bool corrects = visited && !object.prompted.empty();
  const models::EncoderPrompt points = model_points(object, frame, prompt);
  const Shape tokens{1, std::int64_t(model_->grid()) * model_->grid(), Model::kChannels};
  const Tensor image = corrects
                           ? conditioned(*features, object, frame, *visited)
                           : model_->memory->without_memory(ctx_, features->encoded.image).reshaped(tokens);
  Tensor mask_logits;
  if (previous != nullptr) {
    mask_logits = previous->logits.clone();
    for (float& logit : mask_logits.data<float>()) {
      logit = std::clamp(logit, -kLargestPreviousLogit, kLargestPreviousLogit);
    }
  }
  FrameOutput output = decode_object(ctx_, *model_, *features,
                                     {.image = image,
                                      .points = points,
                                      .mask_logits = previous == nullptr ? nullptr : &mask_logits,
                                      .multimask = wants_multimask(points)});
  output.visited = visited;
  object.points[frame] = points;
  return output;
}

Result<FrameMasks> MemoryTracker::prompt(int frame, int object, const VideoPrompt& prompt) {
  return guarded([&]() -> Result<FrameMasks> {
    TrackedObject fresh;
    fresh.id = object;
    TrackedObject* known = find(object);
    TrackedObject& subject = known == nullptr ? fresh : *known;
    FrameOutput output;
    if (prompt.mask) {
      FACET_ASSIGN_OR_RETURN(FrameFeatures * features, features_.get(ctx_, frame));
      const FrameOutput* previous = subject.find(frame);
      output = take_mask(ctx_, *model_, *features, *prompt.mask);
      output.visited = previous == nullptr ? std::nullopt : previous->visited;
      subject.points.erase(frame);
    } else {
      FACET_ASSIGN_OR_RETURN(output, answer_points(subject, frame, prompt));
    }
    fill_holes(output);
    const bool prompted =
        !output.visited || options_.corrections_are_prompted_frames || subject.prompted.contains(frame);
    (prompted ? subject.new_prompted : subject.new_tracked)[frame] = std::move(output);
    if (known == nullptr) objects_.push_back(std::move(fresh));
    return masks_on(frame);
  });
}

void MemoryTracker::fill_holes(FrameOutput& output) const {
  clean_up_logits(output.logits.data<float>(), {model_->mask_side(), model_->mask_side()},
                  {.max_hole_area = options_.fill_hole_area, .margin = kFilledHoleLogit});
}

Status MemoryTracker::remember(FrameOutputs& fresh, FrameOutputs& kept, TrackedObject& object) {
  while (!fresh.empty()) {
    const int frame = fresh.begin()->first;
    FrameOutput& output = fresh.begin()->second;
    FACET_ASSIGN_OR_RETURN(const FrameFeatures* features, features_.get(ctx_, frame));
    remember_outputs(ctx_, *model_, *features, {&output, 1}, true);
    if (options_.forget_around_corrections) {
      std::erase_if(object.tracked, [frame](const auto& entry) {
        return std::abs(entry.first - frame) <= models::VideoMemory::kFrames;
      });
    }
    kept[frame] = std::move(output);
    fresh.erase(frame);
  }
  return {};
}

Status MemoryTracker::remember_prompts(TrackedObject& object) {
  FACET_RETURN_IF_ERROR(remember(object.new_tracked, object.tracked, object));
  FACET_RETURN_IF_ERROR(remember(object.new_prompted, object.prompted, object));
  for (const auto& [frame, output] : object.prompted) object.tracked.erase(frame);
  if (!object.prompted.empty()) return {};
  return {StatusCode::BadPrompt, "object " + std::to_string(object.id) +
                                     " has no prompt on any frame: expected points, a box or a mask on one"};
}

void MemoryTracker::track_objects(std::span<TrackedObject* const> objects, FrameFeatures& features, int frame,
                                  TrackDirection direction) {
  const Shape tokens{std::int64_t(model_->grid()) * model_->grid(), Model::kChannels};
  std::vector<FrameOutput> outputs;
  {
    Tensor images = ctx_.make({std::int64_t(objects.size()), tokens[0], tokens[1]});
    std::int64_t at = 0;
    for (const TrackedObject* object : objects) {
      ops::copy(ctx_, conditioned(features, *object, frame, direction), images, at);
      at += tokens.numel();
    }
    outputs = decode_unprompted(ctx_, *model_, features, images);
  }
  remember_outputs(ctx_, *model_, features, outputs, false);
  for (std::size_t i = 0; i < objects.size(); ++i) {
    outputs[i].visited = direction;
    fill_holes(outputs[i]);
    objects[i]->tracked[frame] = std::move(outputs[i]);
  }
}

Result<FrameMasks> MemoryTracker::track(int frame, TrackDirection direction) {
  return guarded([&]() -> Result<FrameMasks> {
    if (objects_.empty()) {
      return Status(StatusCode::BadPrompt, "there is no object to follow: expected a prompt first");
    }
    for (TrackedObject& object : objects_) FACET_RETURN_IF_ERROR(remember_prompts(object));
    std::vector<TrackedObject*> unprompted;
    for (TrackedObject& object : objects_) {
      const auto prompted = object.prompted.find(frame);
      if (prompted == object.prompted.end()) {
        unprompted.push_back(&object);
      } else {
        prompted->second.visited = direction;
      }
    }
    for (std::span<TrackedObject* const> rest = unprompted; !rest.empty();) {
      FACET_ASSIGN_OR_RETURN(FrameFeatures * features, features_.get(ctx_, frame));
      const std::span<TrackedObject* const> batch = rest.first(std::min(rest.size(), kMostAtOnce));
      track_objects(batch, *features, frame, direction);
      rest = rest.subspan(batch.size());
    }
    ++tracked_frames_;
    forget_far_frames(objects_, frame, budget_bytes_ - std::min(budget_bytes_, features_.bytes()));
    return masks_on(frame);
  });
}

Result<FrameMasks> MemoryTracker::clear_prompts(int frame, int object) {
  TrackedObject* known = find(object);
  if (known == nullptr) {
    return Status(StatusCode::BadPrompt, "there is no object " + std::to_string(object));
  }
  known->points.erase(frame);
  known->new_prompted.erase(frame);
  known->new_tracked.erase(frame);
  // What was found there stays as a tracked frame, which a new prompt may make a prompted one again.
  if (auto node = known->prompted.extract(frame)) {
    node.mapped().visited.reset();
    known->tracked.insert(std::move(node));
  }
  return guarded([&]() -> Result<FrameMasks> { return masks_on(frame); });
}

Status MemoryTracker::remove_object(int object) {
  const TrackedObject* known = find(object);
  if (known == nullptr) return {StatusCode::BadPrompt, "there is no object " + std::to_string(object)};
  objects_.erase(objects_.begin() + (known - objects_.data()));
  return {};
}

std::vector<int> MemoryTracker::objects() const {
  std::vector<int> ids;
  for (const TrackedObject& object : objects_) ids.push_back(object.id);
  return ids;
}

std::optional<int> MemoryTracker::first_prompted_frame() const {
  std::optional<int> first;
  for (const TrackedObject& object : objects_) {
    for (const FrameOutputs* outputs : {&object.prompted, &object.new_prompted}) {
      if (outputs->empty()) continue;
      first = std::min(first.value_or(outputs->begin()->first), outputs->begin()->first);
    }
  }
  return first;
}

TrackingReport MemoryTracker::report() const {
  TrackingReport report{tracked_frames_, features_.encoded(), features_.bytes()};
  for (const TrackedObject& object : objects_) report.kept_bytes += object.bytes();
  return report;
}

FrameMasks MemoryTracker::masks_on(int frame) const {
  std::vector<ObjectLogits> found;
  for (const TrackedObject& object : objects_) {
    const FrameOutput* output = object.find(frame);
    ObjectLogits logits{.object = object.id};
    if (output != nullptr) {
      logits.low_res = output->logits.data<float>();
      logits.score = output->score;
      logits.object_score = output->object_score;
    }
    found.push_back(logits);
  }
  return frame_masks(ctx_.team(), frame, frames_->size(), found,
                     {.mask_side = model_->mask_side(),
                      .image_size = model_->image_size(),
                      .non_overlapping = options_.non_overlapping,
                      .keep_logits = options_.keep_logits});
}

}  // namespace

std::unique_ptr<Tracker> make_memory_tracker(ModelPtr model, std::shared_ptr<FrameReader> frames,
                                             VideoOptions options) {
  return std::make_unique<MemoryTracker>(std::move(model), std::move(frames), std::move(options));
}

}  // namespace facet::segment
