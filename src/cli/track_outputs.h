#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/io.h"
#include "cli/track_lines.h"
#include "cli/track_tensors.h"
#include "facet/video.h"
#include "io/video/video_writer.h"

namespace facet::cli {

/// Where the results of `facet track` go.
struct TrackOutputOptions {
  std::string folder;   ///< -o; empty = none
  std::string overlay;  ///< FILE.mp4; empty = none
  std::string tensors;  ///< FILE.safetensors; empty = none
  int stride = 8;
  bool json = false;  ///< lines to standard output
  bool resume = false;
  /// Frames come in ascending order, so that the overlay can be drawn as they come; else it is drawn from
  /// the masks at the end.
  bool ascending = true;
  int threads = 0;
};

/// Everything that `facet track` writes for a video NAME: DIR/NAME.jsonl, DIR/NAME_labels/FRAME.png, the
/// overlay, tensors, lines on standard output. Whenever it stops, what it leaves is whole.
class TrackOutputs {
 public:
  /// `run` says what was asked for; a run can only be resumed by one that says the same.
  /// Errors  OutputFailed; Usage when there is nothing to resume, or the run was another one
  static Result<TrackOutputs> open(const TrackOutputOptions& options, const VideoReader& video,
                                   const std::string& run, Io& io);

  /// Of an earlier run that is resumed: its frames that are whole, in their order.
  [[nodiscard]] std::vector<FrameResult> take_earlier() { return std::move(earlier_); }
  /// Says how many of these count; the rest is cut off. Before the first frame.
  Status keep_earlier(std::size_t count);

  /// Errors  OutputFailed
  Status add(const FrameResult& result, const Image* image, std::int64_t timestamp);
  /// A frame that an earlier run wrote, for the overlay.
  Status add_to_overlay(const FrameResult& result, const Image* image, std::int64_t timestamp);
  void add_tensors(std::string name, const FrameMasks& masks);
  [[nodiscard]] bool wants_tensors() const { return tensors_.has_value(); }
  [[nodiscard]] bool wants_overlay() const { return !options_.overlay.empty(); }

  /// Completes the files; draws the overlay now where frames did not come in order, unless `stopped`.
  Status finish(VideoReader& video, bool stopped);
  /// One line for each thing that was written.
  [[nodiscard]] std::vector<std::string> describe() const;

 private:
  TrackOutputs(TrackOutputOptions options, const VideoReader& video, Io& io);
  Status open_folder(const std::string& run);
  [[nodiscard]] std::filesystem::path labels_path(int frame) const;
  [[nodiscard]] bool label_is_whole(const FrameResult& result) const;
  Status draw_kept(VideoReader& video);

  TrackOutputOptions options_;
  VideoInfo video_;
  std::string name_;
  Io* io_;
  std::optional<LineFile> lines_;
  std::vector<FrameResult> earlier_;
  std::optional<io::VideoWriter> overlay_;
  std::optional<std::int64_t> first_timestamp_;
  std::string codec_;
  std::map<int, FrameResult> kept_;  // for an overlay that is drawn at the end
  std::optional<TrackTensors> tensors_;
  int label_pictures_ = 0;
};

}  // namespace facet::cli
