#include "segment/video/tracked_object.h"

#include <algorithm>
#include <cstdlib>

#include "ops/transfer.h"

namespace facet::segment {
namespace {

using models::VideoMemory;

constexpr std::int64_t kTokensPerPointer = VideoMemory::kDim / VideoMemory::kMemoryDim;

struct Remembered {
  const FrameOutput* output;
  int age;
};

struct Pointer {
  const FrameOutput* output;
  int distance;
};

const FrameOutput* lookup(const FrameOutputs& outputs, int frame) {
  const auto found = outputs.find(frame);
  return found == outputs.end() ? nullptr : &found->second;
}

// Tokens [N, 64] side by side in one tensor, in the order of adding.
class TokenWriter {
 public:
  TokenWriter(ops::Context& ctx, TensorView tokens) : ctx_(ctx), tokens_(tokens) {}
  void add(ConstTensorView tokens) {
    ops::copy(ctx_, tokens, tokens_, at_);
    at_ += tokens.shape().numel();
  }
  // Each token several times.
  void add_repeated(ConstTensorView tokens, std::int64_t times) {
    const std::int64_t width = tokens.shape()[1];
    for (std::int64_t i = 0; i < times; ++i) {
      ops::copy_rows(ctx_, {.x = tokens, .stride = width, .rows = tokens.shape()[0], .width = width}, tokens_,
                     at_ + i * width, times * width);
    }
    at_ += times * tokens.shape().numel();
  }

 private:
  ops::Context& ctx_;
  TensorView tokens_;
  std::int64_t at_ = 0;
};

// [P, 256]
Tensor pointers_of(ops::Context& ctx, const std::vector<Pointer>& pointers) {
  Tensor all(Shape({std::int64_t(pointers.size()), VideoMemory::kDim}));
  auto to = all.data<float>().begin();
  for (const Pointer& pointer : pointers)
    to = std::ranges::copy(pointer.output->pointer.data<float>(), to).out;
  return ops::uploaded(ctx, std::move(all));
}

class Recall {
 public:
  Recall(const TrackedObject& object, const RecallOptions& options)
      : object_(object),
        options_(options),
        sign_(options.direction == TrackDirection::Forward ? 1 : -1),
        selected_(closest_prompted_frames(object.prompted, options.frame, options.max_prompted_frames)) {}

  [[nodiscard]] std::vector<Remembered> frames() const {
    std::vector<Remembered> all;
    for (const int frame : selected_) add_remembered(lookup(object_.prompted, frame), 0, all);
    for (int age = VideoMemory::kFrames - 1; age >= 1; --age) {
      add_remembered(passed(options_.frame - sign_ * age), age, all);
    }
    return all;
  }

  [[nodiscard]] int most_pointers() const {
    return options_.frame_count > 0 ? std::min(options_.frame_count, VideoMemory::kPointers)
                                    : VideoMemory::kPointers;
  }

  [[nodiscard]] std::vector<Pointer> pointers() const {
    std::vector<Pointer> all;
    for (const int frame : selected_) {
      const int distance = (options_.frame - frame) * sign_;
      if (distance >= 0) all.push_back({lookup(object_.prompted, frame), distance});
    }
    for (int distance = 1; distance < most_pointers(); ++distance) {
      const FrameOutput* output = passed(options_.frame - sign_ * distance);
      if (output != nullptr) all.push_back({output, distance});
    }
    return all;
  }

 private:
  static void add_remembered(const FrameOutput* output, int age, std::vector<Remembered>& all) {
    if (output != nullptr && !output->memory.empty()) all.push_back({output, age});
  }

  // A tracked frame, or a prompted one that is not attended to as such.
  [[nodiscard]] const FrameOutput* passed(int frame) const {
    if (const FrameOutput* tracked = lookup(object_.tracked, frame)) return tracked;
    if (std::ranges::find(selected_, frame) != selected_.end()) return nullptr;
    return lookup(object_.prompted, frame);
  }

  const TrackedObject& object_;
  const RecallOptions& options_;
  int sign_;
  std::vector<int> selected_;
};

struct FarFrame {
  TrackedObject* object;
  int frame;
  int distance;
};

// Tracked frames whose memory cannot be attended to from `frame`, the farthest first.
std::vector<FarFrame> far_frames(std::span<TrackedObject> objects, int frame) {
  std::vector<FarFrame> far;
  for (TrackedObject& object : objects) {
    for (const auto& [at, output] : object.tracked) {
      const int distance = std::abs(at - frame);
      if (distance >= VideoMemory::kFrames) far.push_back({&object, at, distance});
    }
  }
  std::ranges::stable_sort(far, std::ranges::greater(), &FarFrame::distance);
  return far;
}

}  // namespace

const FrameOutput* TrackedObject::find(int frame) const {
  for (const FrameOutputs* outputs : {&new_prompted, &new_tracked, &prompted, &tracked}) {
    const FrameOutput* output = lookup(*outputs, frame);
    if (output != nullptr && !output->is_pointer_only()) return output;
  }
  return nullptr;
}

std::size_t TrackedObject::bytes() const {
  std::size_t sum = 0;
  for (const FrameOutputs* outputs : {&new_prompted, &new_tracked, &prompted, &tracked}) {
    for (const auto& [frame, output] : *outputs) sum += output.bytes();
  }
  return sum;
}

std::vector<int> closest_prompted_frames(const FrameOutputs& prompted, int frame, int most) {
  std::vector<int> all;
  for (const auto& [at, output] : prompted) all.push_back(at);
  if (most <= 0 || int(all.size()) <= most) return all;
  std::vector<int> chosen;
  const auto after = std::ranges::lower_bound(all, frame);
  if (after != all.begin()) chosen.push_back(*(after - 1));
  if (after != all.end() && int(chosen.size()) < most) chosen.push_back(*after);
  std::ranges::stable_sort(all, {}, [frame](int at) { return std::abs(at - frame); });
  for (const int at : all) {
    if (int(chosen.size()) >= most) break;
    if (std::ranges::find(chosen, at) == chosen.end()) chosen.push_back(at);
  }
  return chosen;
}

models::ObjectMemory recall(ops::Context& ctx, const VideoMemory& memory, const TrackedObject& object,
                            const RecallOptions& options) {
  const Recall all(object, options);
  const std::vector<Remembered> frames = all.frames();
  const std::vector<Pointer> pointers = all.pointers();
  const std::int64_t per_frame = memory.frame_positions(0).shape()[0];
  models::ObjectMemory out;
  out.pointer_tokens = std::int64_t(pointers.size()) * kTokensPerPointer;
  const std::int64_t tokens = std::int64_t(frames.size()) * per_frame + out.pointer_tokens;
  out.tokens = ctx.make({tokens, VideoMemory::kMemoryDim});
  out.positions = ctx.make({tokens, VideoMemory::kMemoryDim});
  TokenWriter values(ctx, out.tokens);
  TokenWriter positions(ctx, out.positions);
  for (const Remembered& frame : frames) {
    values.add(frame.output->memory);
    positions.add(memory.frame_positions(frame.age));
  }
  if (pointers.empty()) return out;
  std::vector<int> distances;
  for (const Pointer& pointer : pointers) distances.push_back(pointer.distance);
  values.add(pointers_of(ctx, pointers));
  positions.add_repeated(memory.pointer_positions(ctx, distances, all.most_pointers() - 1),
                         kTokensPerPointer);
  return out;
}

void forget_far_frames(std::span<TrackedObject> objects, int frame, std::size_t budget_bytes) {
  std::size_t used = 0;
  for (const TrackedObject& object : objects) used += object.bytes();
  for (const FarFrame& far : far_frames(objects, frame)) {
    if (used <= budget_bytes) return;
    FrameOutput& output = far.object->tracked.at(far.frame);
    used -= output.bytes();
    far.object->points.erase(far.frame);
    if (far.distance > VideoMemory::kPointers) {
      far.object->tracked.erase(far.frame);
    } else {
      output.keep_pointer_only();
      used += output.bytes();
    }
  }
}

}  // namespace facet::segment
