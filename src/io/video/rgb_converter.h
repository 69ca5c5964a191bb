#pragma once

#include "facet/image.h"
#include "facet/status.h"
#include "io/video/av_handles.h"

namespace facet::io {

/// Brings frames of any pixel format to 8-bit RGB, with the frame's own matrix and range: BT.601 and limited
/// range for YUV that states none.
class RgbConverter {
 public:
  /// Errors  BadPicture for a pixel format that cannot be converted
  Result<Image> convert(const AVFrame& frame);

 private:
  Status prepare(const AVFrame& frame);
  AvScaler scaler_;
  AvFrame rgb_;
};

}  // namespace facet::io
