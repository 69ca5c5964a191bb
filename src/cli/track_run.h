#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/io.h"
#include "cli/progress_bar.h"
#include "cli/track_outputs.h"
#include "cli/track_prompts.h"
#include "facet/video.h"
#include "facet/video_session.h"

namespace facet::cli {

/// Which frames are tracked, in which order. Frame numbers; an end that is not known is nothing.
struct TrackPass {
  TrackDirection direction = TrackDirection::Forward;
  int first = 0;            ///< where it begins
  std::optional<int> last;  ///< where it ends, included
  /// Frames from here on were written by the pass before; this one only adds tensors for them.
  std::optional<int> written_from;
};

enum class TrackWay { Forward, Backward, Both };

/// Forward from the first prompted frame, or backward from the last one; both ways: forward, and then
/// backward from the last frame of the range, so that what was learnt forward helps.
std::vector<TrackPass> plan_passes(const std::vector<TrackStep>& steps, TrackWay way, int range_first,
                                   std::optional<int> range_last);

/// The frames of one call: prompts, passes, outputs.
class TrackRun {
 public:
  TrackRun(VideoReader& video, VideoSession& session, TrackOutputs& outputs, std::vector<TrackStep> steps,
           Io& io);

  /// Errors  of the prompts, of writing, Cancelled. Damaged frames are told, counted, and skipped.
  Status follow(std::vector<TrackPass> passes);

  [[nodiscard]] int damaged_frames() const { return damaged_; }
  [[nodiscard]] int resumed_frames() const { return resumed_; }
  /// Objects with the frames they were seen on, as a table.
  [[nodiscard]] std::string table() const;

 private:
  struct Seen {
    int frames = 0;
    int first = 0;
    int last = 0;
    double score_sum = 0;
  };
  Status apply_step(std::size_t index);
  Status apply_steps_on(int frame);
  Status resume(std::vector<TrackPass>& passes);
  Status redraw(const std::vector<FrameResult>& earlier);
  Status prime(const FrameResult& last);
  Status follow_pass(const TrackPass& pass);
  /// False when the video has ended.
  Result<bool> follow_frame(const TrackPass& pass, int frame);
  Status deliver(const TrackPass& pass, const FrameResult& result, const Image* image, int frame);
  void note_damage(const Status& status);
  void count(const FrameMasks& masks);
  void show_progress();

  VideoReader& video_;
  VideoSession& session_;
  TrackOutputs& outputs_;
  std::vector<TrackStep> steps_;
  Io& io_;
  ProgressBar bar_;
  std::map<int, Seen> seen_;
  std::size_t applied_ = 0;  // of the steps
  int done_ = 0;
  int total_ = 0;
  int damaged_ = 0;
  int resumed_ = 0;
};

}  // namespace facet::cli
