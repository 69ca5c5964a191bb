#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "facet/video.h"
#include "io/video/frame_window.h"

namespace facet::io {

/// The pictures of a folder as frames, in natural order of their names.
class PictureFolderReader : public VideoReader {
 public:
  /// Errors  as open_video
  static Result<std::unique_ptr<VideoReader>> open(const std::filesystem::path& folder,
                                                   const VideoReadOptions& options);

  [[nodiscard]] const VideoInfo& info() const override { return info_; }
  [[nodiscard]] std::optional<int> frame_count() const override { return int(pictures_.size()); }
  [[nodiscard]] std::int64_t timestamp(int frame) const override { return frame; }
  Result<std::optional<Image>> read(int frame) override;

 private:
  PictureFolderReader(std::vector<std::filesystem::path> pictures, VideoInfo info, ReadOptions options);
  Result<Image> load(int frame) const;
  std::vector<std::filesystem::path> pictures_;
  VideoInfo info_;
  ReadOptions options_;
  FrameWindow window_;
};

}  // namespace facet::io
