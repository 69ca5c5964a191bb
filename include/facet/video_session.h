#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "facet/frame_reader.h"
#include "facet/image.h"
#include "facet/masks.h"
#include "facet/model.h"
#include "facet/status.h"
#include "facet/tensor.h"

namespace facet {

/// One object on one frame: points and a box, or a mask of the video's size.
struct VideoPrompt {
  std::vector<Point> points;  ///< in pixels of the video
  std::vector<int> labels;    ///< one a point: 1 on the object, 0 on the background
  std::optional<Box> box;
  std::optional<Bitmap> mask;        ///< stands alone: what the object is, to the pixel
  bool keep_earlier_points = false;  ///< add the points to those this frame already has for the object
};

struct VideoOptions {
  int threads = 0;  ///< 0 takes the processors this process may run on
  /// What kept memories and features may take; the oldest that can be computed again or no longer be attended
  /// to go first.
  int memory_mb = 160;
  bool non_overlapping = false;  ///< a pixel belongs to the object with the highest logit
  int fill_hole_area = 0;        ///< holes of up to so many low-resolution cells become mask; 0 = none
  /// Prompted frames of an object that are attended to, the closest in time; 0 = all.
  int max_prompted_frames = 0;
  /// Frames that will be tracked where that is not the whole video: in very short ones the reference's memory
  /// depends on their number; 0 = all that the reader has.
  int frame_count = 0;
  bool corrections_are_prompted_frames = false;  ///< clicks on a tracked frame make it a prompted frame
  bool forget_around_corrections = false;        ///< prompts drop the memories of the frames around them
  bool keep_logits = false;                      ///< fill ObjectMask::logits
  std::stop_token stop;
  /// For models without a memory of their own: a frame is encoded at least so often.
  int keyframe_interval = 30;
  std::vector<int> keyframes;  ///< frames that are encoded in any case
};

struct ObjectMask {
  int object = 0;          ///< the number the caller gave it
  float score = 0;         ///< predicted IoU
  float object_score = 0;  ///< logit: above 0, the object is in the frame
  Rle rle;
  std::int64_t area = 0;
  BoxXywh bbox;
  Tensor logits;  ///< [height, width] of the video, or empty
};

/// All objects on a frame, in the order they were first prompted. An object that was never seen on the frame
/// has an empty mask.
struct FrameMasks {
  int frame = 0;
  bool encoded =
      true;  ///< the image encoder ran on this frame; false when masks were carried by optical flow
  std::vector<ObjectMask> objects;
};

enum class TrackDirection { Forward, Backward };

struct TrackingReport {
  int frames_tracked = 0;
  int frames_encoded = 0;
  std::size_t kept_bytes = 0;  ///< memories and features now
};

namespace segment {
class Tracker;
}

/// Follows objects through a video, frame by frame: with SAM 2 by its memory, with SAM and MobileSAM by
/// optical flow between frames that are segmented anew.
///
///     VideoSession session(model, reader);
///     session.prompt(0, 1, {.points = {{210, 350}}, .labels = {1}});
///     for (int frame = 0; ...; ++frame) use(session.track(frame));
///
/// Errors   BadPrompt names frame, object, what was expected and found; BadPicture is one frame's: the
/// session
///          goes on with the next one; OutOfMemory, Cancelled
/// Threads  one thread at a time
/// Source   Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos", sec. 4
class VideoSession {
 public:
  VideoSession(ModelPtr model, std::shared_ptr<FrameReader> frames, VideoOptions options = {});
  ~VideoSession();
  VideoSession(VideoSession&&) noexcept;
  VideoSession& operator=(VideoSession&&) noexcept;

  /// Says where `object` is on `frame`, before or during tracking; a number not seen before is a new object,
  /// and the others are not tracked again. The masks of all objects on that frame.
  Result<FrameMasks> prompt(int frame, int object, const VideoPrompt& prompt);
  /// Follows every object to `frame` from the frames prompted or tracked before. Call it frame after frame in
  /// the direction's order.
  Result<FrameMasks> track(int frame, TrackDirection direction = TrackDirection::Forward);

  /// Takes back what was said about the object on the frame.
  Result<FrameMasks> clear_prompts(int frame, int object);
  Status remove_object(int object);
  /// Forgets every object.
  void reset();

  [[nodiscard]] std::vector<int> objects() const;
  /// The earliest frame that was prompted: where tracking begins.
  [[nodiscard]] std::optional<int> first_prompted_frame() const;
  [[nodiscard]] TrackingReport report() const;

 private:
  std::unique_ptr<segment::Tracker> tracker_;
};

}  // namespace facet
