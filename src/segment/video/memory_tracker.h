#pragma once

#include <memory>

#include "facet/frame_reader.h"
#include "segment/video/tracker.h"

namespace facet::segment {

/// Follows objects by SAM 2's memory, as the reference's video predictor does; kept in float32.
///
/// It differs where the reference loses what was said: clicks on a prompted frame that was tracked over
/// replace what is remembered of it. And its memory is bounded: of tracked frames, those farthest from the
/// last one asked for are forgotten once VideoOptions::memory_mb is used up (what can be attended to never
/// is); a click on a forgotten frame makes it a prompted one.
///
/// `model` has a memory. Errors  as VideoSession
/// Source  sam2, sam2_video_predictor.py
[[nodiscard]] std::unique_ptr<Tracker> make_memory_tracker(ModelPtr model,
                                                           std::shared_ptr<FrameReader> frames,
                                                           VideoOptions options);

}  // namespace facet::segment
