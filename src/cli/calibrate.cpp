#include "cli/calibrate.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/progress_bar.h"
#include "facet/picture.h"
#include "segment/calibration.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  if (error) return Status(StatusCode::BadPicture, fmt::format("{}: {}", folder.string(), error.message()));
  std::ranges::sort(files);
  return files;
}

void tell_errors(const segment::Calibration& calibration, int pictures, Io& io) {
  const std::vector<std::string> kept = calibration.layers_to_keep();
  double worst = 0;
  for (const segment::LayerError& layer : calibration.errors()) {
    worst = std::max(worst, layer.error);
    if (std::ranges::find(kept, layer.name) == kept.end()) continue;
    tell(io, fmt::format("{} stays in bf16: int8 changes it by {:.1f} %", layer.name, 100 * layer.error));
  }
  tell(io, fmt::format("{} pictures; int8 changes the products by at most {:.1f} %, {} of {} stay in bf16",
                       pictures, 100 * worst, kept.size(), calibration.errors().size()));
}

}  // namespace

Result<std::vector<std::string>> find_layers_to_keep(const io::WeightSource& source, const fs::path& folder,
                                                     Io& io) {
  FACET_ASSIGN_OR_RETURN(const std::vector<fs::path> files, files_in(folder));
  FACET_ASSIGN_OR_RETURN(segment::Calibration calibration, segment::Calibration::open(source, 0));
  ProgressBar bar(io, "pictures", ProgressUnit::Items);
  int pictures = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (io.stop.stop_requested()) return Status(StatusCode::Cancelled, "interrupted");
    const Result<Picture> picture = read_picture(files[i]);
    const Status status = picture.ok() ? calibration.add(picture->image) : picture.status();
    if (status.ok()) {
      ++pictures;
    } else {
      bar.clear();
      tell(io, fmt::format("left out: {}", status.message()));
    }
    bar.update(std::int64_t(i + 1), std::int64_t(files.size()));
  }
  bar.clear();
  if (pictures == 0)
    return Status(StatusCode::BadPicture, fmt::format("{}: no picture to calibrate on", folder.string()));
  tell_errors(calibration, pictures, io);
  return calibration.layers_to_keep();
}

}  // namespace facet::cli
