#include "io/video/picture_folder_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <system_error>

#include "io/video/natural_order.h"
#include "io/video/video_decoder.h"

namespace facet::io {
namespace {

namespace fs = std::filesystem;

constexpr Rational kFolderFrameRate{25, 1};  // a folder states none
constexpr std::array<std::string_view, 6> kEndings = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"};

bool is_picture_name(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return !path.filename().string().starts_with('.') &&
         std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

Result<std::vector<fs::path>> list_pictures(const fs::path& folder) {
  std::vector<fs::path> pictures;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (is_picture_name(entry->path()) && entry->is_regular_file(ignored)) pictures.push_back(entry->path());
  }
  if (error) {
    return Status(StatusCode::BadPicture, folder.string() + ": cannot be listed: " + error.message());
  }
  if (pictures.empty()) {
    return Status(StatusCode::BadPicture,
                  folder.string() + ": expected JPEG, PNG, WebP or TIFF pictures, found none");
  }
  std::sort(pictures.begin(), pictures.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.filename().string(), b.filename().string());
  });
  return pictures;
}

}  // namespace

Result<std::unique_ptr<VideoReader>> PictureFolderReader::open(const fs::path& folder,
                                                               const VideoReadOptions& options) {
  FACET_ASSIGN_OR_RETURN(std::vector<fs::path> pictures, list_pictures(folder));
  ReadOptions read = options.pictures;
  read.max_pixels = std::min(read.max_pixels, options.max_pixels);
  VideoInfo info{.source = folder.string(),
                 .container = "pictures",
                 .codec = "pictures",
                 .time_base = {kFolderFrameRate.den, kFolderFrameRate.num},
                 .frame_rate = kFolderFrameRate};
  std::unique_ptr<PictureFolderReader> reader(
      new PictureFolderReader(std::move(pictures), std::move(info), read));
  Status last;
  for (std::size_t i = 0; i < reader->pictures_.size() && reader->info_.size.width == 0; ++i) {
    const Result<Picture> first = read_picture(reader->pictures_[i], read);
    last = first.status();
    if (first.ok()) reader->info_.size = first->image.size();
  }
  if (reader->info_.size.width == 0) return last;
  return std::unique_ptr<VideoReader>(std::move(reader));
}

PictureFolderReader::PictureFolderReader(std::vector<fs::path> pictures, VideoInfo info, ReadOptions options)
    : pictures_(std::move(pictures)), info_(std::move(info)), options_(options) {}

Result<Image> PictureFolderReader::load(int frame) const {
  const fs::path& path = pictures_[std::size_t(frame)];
  Result<Picture> picture = read_picture(path, options_);
  const std::string context = "frame " + std::to_string(frame);
  if (!picture.ok()) return picture.status().with_context(context);
  if (picture->image.size() != info_.size) {
    return Status(StatusCode::BadPicture, context + ": " + path.string() + " has " +
                                              size_text(picture->image.size()) + ", the video " +
                                              size_text(info_.size));
  }
  return std::move(picture->image);
}

Result<std::optional<Image>> PictureFolderReader::read(int frame) {
  if (frame < 0) {
    return Status(StatusCode::BadPicture, info_.source + ": there is no frame " + std::to_string(frame));
  }
  if (frame >= int(pictures_.size())) return std::optional<Image>();
  if (window_.find(frame) == nullptr) {
    window_.keep_only(frame - 1, frame + 1);
    window_.put(frame, load(frame));
  }
  const FrameWindow::Entry& entry = *window_.find(frame);
  if (!entry.ok()) return entry.status();
  return std::optional<Image>(entry.value());
}

}  // namespace facet::io
