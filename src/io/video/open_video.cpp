#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "facet/video.h"
#include "io/video/picture_folder_reader.h"
#include "io/video/raw_frame_reader.h"
#include "io/video/video_file_reader.h"
#include "io/video/video_stream_reader.h"

namespace facet {
namespace {

namespace fs = std::filesystem;

bool is_address(const std::string& source) { return source.find("://") != std::string::npos; }

Status missing(const std::string& source, const std::error_code& error) {
  return {StatusCode::BadPicture,
          source + ": " + (error ? error.message() : std::string("expected a video file or a folder"))};
}

}  // namespace

Result<std::unique_ptr<VideoReader>> open_video(const std::string& source, const VideoReadOptions& options) {
  if (is_address(source)) {
    if (options.network) return io::VideoStreamReader::open(source, options);
    return Status(StatusCode::Usage, source + ": an address is opened only when the network is allowed");
  }
  std::error_code error;
  const fs::file_status status = fs::status(source, error);
  if (fs::is_directory(status)) return io::PictureFolderReader::open(source, options);
  if (!fs::is_regular_file(status)) return missing(source, error);
  return io::VideoFileReader::open(source, options);
}

Result<std::unique_ptr<VideoReader>> open_raw_video(int descriptor, const RawVideoFormat& format,
                                                    const VideoReadOptions& options) {
  return io::RawFrameReader::open(descriptor, format, options);
}

}  // namespace facet
