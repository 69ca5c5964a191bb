#include "segment/video/flow_tracker.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "segment/guard.h"

namespace facet::segment {
namespace {

constexpr double kMinConfidence = 0.0005;
constexpr float kDrawnLogit = 10.0F;
constexpr int kSearchPlaces = 3;
constexpr double kMinFoundArea = 0.3;  // against the lost object's
constexpr double kMaxFoundArea = 3.0;
constexpr float kMinFoundScore = 0.5F;
constexpr float kBoxMargin = 0.02F;  // of the carried box's sides

/// 0 to 1 in each half: above one half for an object in the frame.
float object_logit(double confidence, bool present) {
  const double share = std::clamp(confidence, 0.0, 1.0 - 2 * kMinConfidence);
  const double p = std::clamp(present ? 0.5 + share / 2 : share / 2, kMinConfidence, 1 - kMinConfidence);
  return float(std::log(p / (1 - p)));
}

double area(const Box& box) { return double(box.x1 - box.x0) * double(box.y1 - box.y0); }

Box scaled(const Box& box, Size from, Size to) {
  const float x = float(to.width) / float(from.width), y = float(to.height) / float(from.height);
  return {box.x0 * x, box.y0 * y, box.x1 * x, box.y1 * y};
}

Box widened(const Box& box, Size frame) {
  const float dx = kBoxMargin * (box.x1 - box.x0), dy = kBoxMargin * (box.y1 - box.y0);
  return {std::max(0.0F, box.x0 - dx), std::max(0.0F, box.y0 - dy), std::min(float(frame.width), box.x1 + dx),
          std::min(float(frame.height), box.y1 + dy)};
}

Bitmap bitmap_of(const std::vector<float>& logits, Size size) {
  Bitmap mask{size, std::vector<std::uint8_t>(logits.size())};
  std::transform(logits.begin(), logits.end(), mask.bits.begin(),
                 [](float logit) { return std::uint8_t(logit > 0 ? 1 : 0); });
  return mask;
}

std::vector<float> drawn_logits(const Bitmap& mask) {
  std::vector<float> logits(mask.bits.size());
  std::transform(mask.bits.begin(), mask.bits.end(), logits.begin(),
                 [](std::uint8_t bit) { return bit != 0 ? kDrawnLogit : -kDrawnLogit; });
  return logits;
}

std::shared_ptr<const Tensor> shared(Tensor tensor) {
  return std::make_shared<const Tensor>(std::move(tensor));
}

std::string where(int frame, int object) {
  return "frame " + std::to_string(frame) + ", object " + std::to_string(object);
}

}  // namespace

FlowTracker::FlowTracker(ModelPtr model, std::shared_ptr<FrameReader> frames, VideoOptions options,
                         FlowCriteria criteria)
    : frames_(std::move(frames)),
      options_(std::move(options)),
      criteria_(criteria),
      segmenter_(std::move(model), options_),
      history_(std::size_t(std::max(1, options_.memory_mb)) * 1024 * 1024 / 4) {}

// --- prompts ---------------------------------------------------------------------------------------------

Result<FlowTracker::Working> FlowTracker::open_frame(int frame, TrackDirection direction) {
  if (options_.stop.stop_requested()) return Status(StatusCode::Cancelled, "interrupted");
  FACET_ASSIGN_OR_RETURN(std::optional<Image> image, frames_->read(frame));
  if (!image) {
    return Status(StatusCode::BadPrompt,
                  "frame " + std::to_string(frame) + " lies past the end of the video");
  }
  FlowFrame picture(*image);
  return Working{frame, direction, std::move(*image), std::move(picture)};
}

FlowTracker::Sighting FlowTracker::seen(const Working& work, std::vector<float> flow_logits, float score,
                                        double confidence) const {
  Sighting sighting{.frame = work.frame,
                    .picture = work.picture,
                    .mask = CarriedMask(std::move(flow_logits), work.picture.size()),
                    .score = score,
                    .object_score = object_logit(confidence, true)};
  const std::optional<Box> box = sighting.mask->box();
  if (!box) {
    sighting.mask.reset();
    sighting.object_score = object_logit(0, false);
    return sighting;
  }
  sighting.reference = {*box, ColourModel(work.picture.colours(), sighting.mask->mask())};
  sighting.anchor = std::make_shared<const Reference>(sighting.reference);
  return sighting;
}

std::shared_ptr<const Tensor> FlowTracker::earlier_answer(const Object& object, int frame,
                                                          const VideoPrompt& prompt) const {
  if (prompt.box || prompt.points.empty()) return nullptr;
  const auto prompted = object.prompted.find(frame);
  if (prompted != object.prompted.end()) {
    return prompt.keep_earlier_points ? prompted->second.sighting.answer : nullptr;
  }
  const ObjectMask* tracked = history_.find(frame, object.number);
  if (tracked == nullptr || tracked->area == 0) return nullptr;
  return mask_to_logits(rle_decode(tracked->rle), segmenter_.model());
}

Result<FlowTracker::Sighting> FlowTracker::answer_prompt(const Working& work, const VideoPrompt& prompt,
                                                         std::shared_ptr<const Tensor> earlier) {
  if (prompt.mask) {
    Sighting sighting =
        seen(work, resize_values(drawn_logits(*prompt.mask), work.image.size(), work.picture.size()), 1, 1);
    sighting.drawn = std::make_shared<const Bitmap>(*prompt.mask);
    return sighting;
  }
  FACET_RETURN_IF_ERROR(segmenter_.encode(work.frame, work.image));
  FACET_ASSIGN_OR_RETURN(MaskPrediction answer, segmenter_.answer({.points = prompt.points,
                                                                   .labels = prompt.labels,
                                                                   .box = prompt.box,
                                                                   .mask_logits = std::move(earlier)}));
  Sighting sighting =
      seen(work, segmenter_.upsample(answer.low_res_logits, work.picture.size()), answer.score, answer.score);
  sighting.answer = shared(std::move(answer.low_res_logits));
  return sighting;
}

Result<FrameMasks> FlowTracker::prompt(int frame, int number, const VideoPrompt& prompt) {
  return guarded([&]() -> Result<FrameMasks> {
    FACET_ASSIGN_OR_RETURN(const Working work, open_frame(frame, TrackDirection::Forward));
    Object fresh{.number = number};
    Object* known = find(number);
    const Object& object = known != nullptr ? *known : fresh;
    VideoPrompt whole = prompt;
    const auto before = object.prompted.find(frame);
    if (prompt.keep_earlier_points && before != object.prompted.end()) {
      const VideoPrompt& earlier = before->second.prompt;
      whole.points.insert(whole.points.begin(), earlier.points.begin(), earlier.points.end());
      whole.labels.insert(whole.labels.begin(), earlier.labels.begin(), earlier.labels.end());
      if (!whole.box) whole.box = earlier.box;
    }
    FACET_ASSIGN_OR_RETURN(Sighting sighting,
                           answer_prompt(work, whole, earlier_answer(object, frame, prompt)));
    if (known == nullptr) {
      objects_.push_back(std::make_unique<Object>(std::move(fresh)));
      known = objects_.back().get();
    }
    if (known->last && known->last->frame == frame) known->last = sighting;
    known->prompted.insert_or_assign(frame, Prompted{std::move(whole), std::move(sighting)});
    std::vector<FrameObject> objects;
    for (const auto& each : objects_) {
      const std::optional<Sighting> there = known_sighting(*each, work);
      objects.push_back(frame_object(*each, there ? &*there : nullptr));
    }
    return finish(frame, std::move(objects));
  });
}

Result<FrameMasks> FlowTracker::clear_prompts(int frame, int number) {
  Object* object = find(number);
  if (object == nullptr || object->prompted.erase(frame) == 0) {
    return Status(StatusCode::BadPrompt, where(frame, number) + ": there is no prompt to take back");
  }
  history_.forget(frame, number);
  if (object->prompted.empty() || (object->last && object->last->frame == frame)) object->last.reset();
  return guarded([&]() -> Result<FrameMasks> {
    FACET_ASSIGN_OR_RETURN(const Working work, open_frame(frame, TrackDirection::Forward));
    std::vector<FrameObject> objects;
    for (const auto& each : objects_) {
      const std::optional<Sighting> there = known_sighting(*each, work);
      objects.push_back(frame_object(*each, there ? &*there : nullptr));
    }
    return finish(frame, std::move(objects));
  });
}

Status FlowTracker::remove_object(int number) {
  const auto found = std::find_if(objects_.begin(), objects_.end(),
                                  [number](const auto& object) { return object->number == number; });
  if (found == objects_.end()) {
    return {StatusCode::BadPrompt, "object " + std::to_string(number) + " is not known"};
  }
  objects_.erase(found);
  history_.forget_object(number);
  return {};
}

void FlowTracker::reset() {
  objects_.clear();
  history_.clear();
  last_encoded_.reset();
}

// --- tracking --------------------------------------------------------------------------------------------

std::optional<FlowTracker::Sighting> FlowTracker::known_sighting(const Object& object,
                                                                 const Working& work) const {
  const auto prompted = object.prompted.find(work.frame);
  if (prompted != object.prompted.end()) return prompted->second.sighting;
  if (object.last && object.last->frame == work.frame) return object.last;
  const int step = work.direction == TrackDirection::Forward ? 1 : -1;
  if (object.last && object.last->frame == work.frame - step) return std::nullopt;  // carried from there
  const ObjectMask* tracked = history_.find(work.frame, object.number);
  if (tracked == nullptr || tracked->area == 0) return std::nullopt;
  const Bitmap mask = rle_decode(tracked->rle);
  Sighting sighting =
      seen(work, resize_values(drawn_logits(mask), mask.size, work.picture.size()), tracked->score, 1);
  sighting.object_score = tracked->object_score;
  for (const auto& [frame, answered] : object.prompted) {
    if (answered.sighting.anchor != nullptr) sighting.anchor = answered.sighting.anchor;
  }
  sighting.drawn = std::make_shared<const Bitmap>(mask);
  return sighting;
}

const FlowTracker::Sighting* FlowTracker::nearest_behind(const Object& object, const Working& work) {
  const Sighting* nearest = object.last ? &*object.last : nullptr;
  const auto distance = [&work](const Sighting& sighting) { return std::abs(sighting.frame - work.frame); };
  for (const auto& [frame, prompted] : object.prompted) {
    const bool behind = work.direction == TrackDirection::Forward ? frame < work.frame : frame > work.frame;
    if (!behind || (nearest != nullptr && distance(prompted.sighting) >= distance(*nearest))) continue;
    nearest = &prompted.sighting;
  }
  return nearest;
}

bool FlowTracker::has_changed(const Sighting& sighting, const MaskMotion& motion) const {
  const std::optional<Box> box = sighting.mask->box();
  if (!box) return true;
  const Reference& then = sighting.reference;
  const double dx = (box->x0 + box->x1 - then.box.x0 - then.box.x1) / 2;
  const double dy = (box->y0 + box->y1 - then.box.y0 - then.box.y1) / 2;
  const double growth = then.growth;
  const ColourModel now(sighting.picture->colours(), sighting.mask->mask());
  return motion.followed_share < criteria_.min_followed ||
         std::hypot(dx, dy) > criteria_.max_shift * diagonal(then.box) || growth > criteria_.max_growth ||
         growth < 1 / criteria_.max_growth || then.deformation > criteria_.max_deformation ||
         now.distance(then.colours) > criteria_.max_recolouring;
}

FlowTracker::Carried FlowTracker::carry(Object& object, const Sighting& from, const Working& work) const {
  Carried carried{&object, from, 0, false};
  Sighting& to = carried.sighting;
  to.answer.reset();
  to.drawn.reset();
  if (to.mask) {
    const MaskMotion motion = to.mask->move(*from.picture, work.picture);
    to.reference.growth *= motion.scale;
    to.reference.deformation += motion.deformation;
    to.picture = work.picture;
    carried.followed_share = motion.found ? motion.followed_share : 0;
    carried.look_again = !motion.found || has_changed(to, motion) || std::abs(from.frame - work.frame) > 1;
    to.object_score = object_logit(motion.followed_share, true);
  }
  to.picture = work.picture;
  to.frame = work.frame;
  return carried;
}

bool FlowTracker::is_key_frame(int frame, const std::vector<Carried>& carried) const {
  if (std::find(options_.keyframes.begin(), options_.keyframes.end(), frame) != options_.keyframes.end()) {
    return true;
  }
  bool any_lost = false;
  for (const Carried& each : carried) {
    if (each.look_again) return true;
    any_lost = any_lost || !each.sighting.mask;
  }
  const int interval = std::max(1, any_lost ? options_.keyframe_interval / 3 : options_.keyframe_interval);
  return !last_encoded_ || std::abs(frame - *last_encoded_) >= interval;
}

Result<FrameMasks> FlowTracker::track(int frame, TrackDirection direction) {
  if (objects_.empty()) {
    return Status(StatusCode::BadPrompt,
                  "nothing to track: expected a prompt before frame " + std::to_string(frame));
  }
  return guarded([&]() -> Result<FrameMasks> {
    FACET_ASSIGN_OR_RETURN(const Working work, open_frame(frame, direction));
    std::vector<std::optional<Sighting>> sightings;
    std::vector<Carried> carried;
    for (const auto& object : objects_) {
      sightings.push_back(known_sighting(*object, work));
      if (sightings.back()) continue;
      if (const Sighting* from = nearest_behind(*object, work))
        carried.push_back(carry(*object, *from, work));
    }
    if (!carried.empty() && is_key_frame(frame, carried)) FACET_RETURN_IF_ERROR(segment_again(work, carried));
    if (segmenter_.was_encoded(frame)) last_encoded_ = frame;
    std::vector<FrameObject> found;
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      Object& object = *objects_[i];
      const auto moved = std::find_if(carried.begin(), carried.end(),
                                      [&object](const Carried& each) { return each.object == &object; });
      if (moved != carried.end()) sightings[i] = std::move(moved->sighting);
      found.push_back(frame_object(object, sightings[i] ? &*sightings[i] : nullptr));
      if (sightings[i]) object.last = std::move(sightings[i]);
    }
    ++frames_tracked_;
    FrameMasks masks = finish(frame, std::move(found));
    history_.put(masks);
    return masks;
  });
}

void FlowTracker::lose(Carried& carried) const {
  Sighting& sighting = carried.sighting;
  if (const auto box = sighting.mask->box()) sighting.reference.box = *box;
  sighting.mask.reset();
  sighting.score = 0;
  sighting.object_score = object_logit(carried.followed_share, false);
}

Status FlowTracker::segment_again(const Working& work, std::vector<Carried>& carried) {
  FACET_RETURN_IF_ERROR(segmenter_.encode(work.frame, work.image));
  std::vector<Prompt> prompts;
  std::vector<Rle> expected;
  std::vector<Carried*> asked;
  for (Carried& each : carried) {
    const std::optional<Box> box = each.sighting.mask ? each.sighting.mask->box() : std::nullopt;
    if (!box) {
      if (each.sighting.mask) lose(each);
      FACET_RETURN_IF_ERROR(look_for(work, each.sighting));
      continue;
    }
    const Bitmap mask =
        bitmap_of(resize_values(each.sighting.mask->logits(), work.picture.size(), work.image.size()),
                  work.image.size());
    expected.push_back(rle_encode(mask));
    prompts.push_back(
        {.box = widened(scaled(*box, work.picture.size(), work.image.size()), work.image.size()),
         .mask_logits = mask_to_logits(mask, segmenter_.model())});
    asked.push_back(&each);
  }
  if (prompts.empty()) return {};
  FACET_ASSIGN_OR_RETURN(auto candidates, segmenter_.candidates(prompts));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    choose(work, std::move(candidates[i]), expected[i], *asked[i]);
    if (!asked[i]->sighting.mask) FACET_RETURN_IF_ERROR(look_for(work, asked[i]->sighting));
  }
  return {};
}

// A mask that hardly agrees is not taken: while the points could be followed, the carried one is better.
void FlowTracker::choose(const Working& work, std::vector<MaskPrediction> candidates, const Rle& expected,
                         Carried& carried) const {
  MaskPrediction& best = candidates[most_agreeing(candidates, expected)];
  const double agreement = rle_iou(best.rle, expected);
  const bool followed = carried.followed_share >= criteria_.min_followed;
  if (agreement < (followed ? criteria_.min_agreement : criteria_.min_agreement_lost)) {
    if (!followed) lose(carried);
    return;
  }
  Sighting sighting =
      seen(work, segmenter_.upsample(best.low_res_logits, work.picture.size()), best.score, agreement);
  if (!sighting.mask || (!followed && is_strange(sighting, carried.sighting.reference)) ||
      has_withered(sighting, *carried.sighting.anchor)) {
    return lose(carried);
  }
  sighting.anchor = carried.sighting.anchor;
  sighting.answer = shared(std::move(best.low_res_logits));
  carried.sighting = std::move(sighting);
}

bool FlowTracker::is_strange(const Sighting& sighting, const Reference& then) const {
  return sighting.reference.colours.distance(then.colours) > criteria_.max_strangeness;
}

bool FlowTracker::has_withered(const Sighting& sighting, const Reference& anchor) const {
  return area(sighting.reference.box) < criteria_.min_anchor_share * area(anchor.box) &&
         is_strange(sighting, anchor);
}

Status FlowTracker::look_for(const Working& work, Sighting& lost) {
  if (lost.anchor == nullptr) return {};  // the model saw nothing where it was prompted
  const Reference& reference = *lost.anchor;
  const Size size = work.picture.size();
  const Size box_size{int(reference.box.y1 - reference.box.y0), int(reference.box.x1 - reference.box.x0)};
  std::vector<Box> places =
      find_by_colour(work.picture.colours(), reference.colours, box_size, kSearchPlaces);
  if (area(lost.reference.box) > 0) places.push_back(lost.reference.box);
  std::vector<Prompt> prompts;
  for (const Box& place : places) {
    prompts.push_back({.box = widened(scaled(place, size, work.image.size()), work.image.size())});
  }
  if (prompts.empty()) return {};
  FACET_ASSIGN_OR_RETURN(auto candidates, segmenter_.candidates(prompts));
  double nearest = criteria_.max_strangeness;
  std::optional<Sighting> found;
  for (std::vector<MaskPrediction>& masks : candidates) {
    for (MaskPrediction& mask : masks) {
      if (mask.score < kMinFoundScore || mask.area == 0) continue;
      Sighting sighting = seen(work, segmenter_.upsample(mask.low_res_logits, size), mask.score, 0);
      if (!sighting.mask) continue;
      const double growth = area(sighting.reference.box) / std::max(1.0, area(reference.box));
      const double strangeness = sighting.reference.colours.distance(reference.colours);
      if (growth < kMinFoundArea || growth > kMaxFoundArea || strangeness >= nearest) continue;
      nearest = strangeness;
      sighting.object_score = object_logit(1 - strangeness, true);
      sighting.answer = shared(std::move(mask.low_res_logits));
      found = std::move(sighting);
    }
  }
  if (!found) return {};
  found->anchor = lost.anchor;
  lost = std::move(*found);
  return {};
}

// --- results ---------------------------------------------------------------------------------------------

FrameObject FlowTracker::frame_object(const Object& object, const Sighting* sighting) const {
  FrameObject out{.object = object.number, .object_score = object_logit(0, false)};
  if (sighting == nullptr) return out;
  out.score = sighting->score;
  out.object_score = sighting->object_score;
  const Size size = frames_->size();
  if (sighting->drawn) {
    out.logits = drawn_logits(*sighting->drawn);
  } else if (sighting->answer) {
    out.logits = segmenter_.upsample(*sighting->answer, size);
  } else if (sighting->mask) {
    out.logits = resize_values(sighting->mask->logits(), sighting->mask->size(), size);
  }
  return out;
}

FrameMasks FlowTracker::finish(int frame, std::vector<FrameObject> objects) const {
  return {.frame = frame,
          .encoded = segmenter_.was_encoded(frame),
          .objects = finish_masks(std::move(objects), frames_->size(), options_)};
}

FlowTracker::Object* FlowTracker::find(int number) {
  for (const auto& object : objects_) {
    if (object->number == number) return object.get();
  }
  return nullptr;
}

std::vector<int> FlowTracker::objects() const {
  std::vector<int> numbers;
  for (const auto& object : objects_) numbers.push_back(object->number);
  return numbers;
}

std::optional<int> FlowTracker::first_prompted_frame() const {
  std::optional<int> first;
  for (const auto& object : objects_) {
    if (object->prompted.empty()) continue;
    const int frame = object->prompted.begin()->first;
    first = first ? std::min(*first, frame) : frame;
  }
  return first;
}

TrackingReport FlowTracker::report() const {
  return {.frames_tracked = frames_tracked_,
          .frames_encoded = segmenter_.encodings(),
          .kept_bytes = history_.bytes()};
}

}  // namespace facet::segment
