#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "facet/image.h"

namespace facet::testing {

/// How a clip for a test is made.
struct VideoRecipe {
  const char* container = "mp4";
  const char* encoder = "libx264";
  Size size{48, 64};
  int frames = 12;
  int group = 5;                    ///< a key frame so often
  int b_frames = 0;                 ///< frames between that are shown before the one they follow in the file
  int rotation = 0;                 ///< degrees clockwise, as phones note it
  std::vector<std::int64_t> times;  ///< of the frames, in 1/25 s; empty = one after the other
  int other_size_at = -1;           ///< this frame is half as high (only with mjpeg)
  bool sound_only = false;
};

/// Writes a clip whose frame i is `numbered_frame(i)`.   Throws std::runtime_error when libav fails
void write_video(const std::filesystem::path& path, const VideoRecipe& recipe);

/// A grey frame with its number in it: 8 blocks, black and white, one a bit, over the full width.
Image numbered_frame(Size size, int number);
/// The number that a frame shows, however it was compressed.
int number_shown(const Image& image);

}  // namespace facet::testing
