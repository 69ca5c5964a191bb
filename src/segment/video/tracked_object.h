#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "facet/video_session.h"
#include "models/memory/video_memory.h"
#include "models/prompt_encoder.h"

namespace facet::segment {

/// What was found of an object on one frame.
struct FrameOutput {
  Tensor logits;   ///< [mask_side, mask_side]; -1024 everywhere when the object is not there
  Tensor pointer;  ///< [256]
  Tensor memory;   ///< [grid * grid, 64]; empty until the frame is remembered
  float score = 0;
  float object_score = 0;
  /// How tracking came by; nothing on a frame that was prompted and not tracked over yet.
  std::optional<TrackDirection> visited;

  [[nodiscard]] bool is_there() const { return object_score > 0; }
  /// Its mask and memory were dropped; its pointer can still be attended to.
  [[nodiscard]] bool is_pointer_only() const { return logits.empty(); }
  void keep_pointer_only() {
    logits = Tensor();
    memory = Tensor();
  }
  [[nodiscard]] std::size_t bytes() const {
    return logits.size_bytes() + pointer.size_bytes() + memory.size_bytes();
  }
};

using FrameOutputs = std::map<int, FrameOutput>;

/// One object's prompts and what was found of it, frame by frame.
struct TrackedObject {
  int id = 0;
  std::map<int, models::EncoderPrompt> points;  ///< as said so far on each frame
  FrameOutputs prompted;                        ///< always attended to
  FrameOutputs tracked;                         ///< attended to while they are recent
  // Prompts of now, remembered when tracking goes on: until then more clicks may come.
  FrameOutputs new_prompted;
  FrameOutputs new_tracked;

  /// The newest output on the frame that still has its mask, or null.
  [[nodiscard]] const FrameOutput* find(int frame) const;
  [[nodiscard]] std::size_t bytes() const;
};

/// Which frames an object is remembered by when it is tracked to `frame`.
struct RecallOptions {
  int frame = 0;
  TrackDirection direction = TrackDirection::Forward;
  int frame_count = 0;          ///< of the video; 0 = not known
  int max_prompted_frames = 0;  ///< 0 = all
};

/// The object's memory for the memory attention: its prompted frames, the six frames before (in the
/// direction), and the pointers of up to sixteen. Source  sam2, modeling/sam2_base.py,
/// _prepare_memory_conditioned_features
[[nodiscard]] models::ObjectMemory recall(ops::Context& ctx, const models::VideoMemory& memory,
                                          const TrackedObject& object, const RecallOptions& options);

/// The prompted frames to attend to: the closest before and after `frame`, then the closest of all, `most` in
/// all; 0 = every one.
[[nodiscard]] std::vector<int> closest_prompted_frames(const FrameOutputs& prompted, int frame, int most);

/// Drops tracked frames, those farthest from `frame` first, until the objects' outputs fit into
/// `budget_bytes`. What may still be attended to stays, in both directions, for tracking may turn round: the
/// sixteen frames nearest on each side, of which all but the nearest six are cut down to their pointers when
/// the rest is not enough.
void forget_far_frames(std::span<TrackedObject> objects, int frame, std::size_t budget_bytes);

}  // namespace facet::segment
