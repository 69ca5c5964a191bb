#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "facet/image.h"
#include "facet/status.h"
#include "facet/video_session.h"

namespace facet::cli {

/// What came of one frame: masks, or the reason why there are none.
struct FrameResult {
  FrameMasks masks;
  Status status;  ///< of the frame
};

/// One line of JSON, without its end: {"frame", "encoded", "objects": [{"id", "area", "bbox", "score",
/// "object_score", "rle"}]}, or {"frame", "error": {"code", "message"}}.
[[nodiscard]] std::string frame_line(const FrameResult& result);
/// Nothing for text that is not such a line, or whose masks are not of this size.
[[nodiscard]] std::optional<FrameResult> parse_frame_line(const std::string& line, Size video);

/// A file of such lines that grows frame by frame and holds whole lines only, also after a full disk.
class LineFile {
 public:
  /// A new file, or, with `resume`, the one that is there: its lines that are whole are given by `earlier`.
  /// Errors  OutputFailed
  static Result<LineFile> open(const std::filesystem::path& path, bool resume);
  LineFile(LineFile&& other) noexcept;
  LineFile& operator=(LineFile&&) = delete;
  ~LineFile();

  [[nodiscard]] const std::vector<std::string>& earlier() const { return earlier_; }
  /// Keeps the first `count` of the earlier lines; to be called once, before the first append.
  Status keep(std::size_t count);
  /// Errors  OutputFailed; the file then ends with the line before
  Status append(const std::string& line);

 private:
  LineFile(std::filesystem::path path, int descriptor);
  [[nodiscard]] Status failure(const char* action) const;
  std::filesystem::path path_;
  int descriptor_;
  std::int64_t size_ = 0;
  std::vector<std::string> earlier_;
};

}  // namespace facet::cli
