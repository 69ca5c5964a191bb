#include "cli/track_outputs.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <system_error>

#include "cli/result_files.h"
#include "cli/track_pictures.h"
#include "io/atomic_file.h"
#include "io/mask_reader.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;

std::string name_of(const VideoInfo& video) {
  if (video.container == "raw") return "stdin";
  fs::path path(video.source);
  if (!path.has_filename()) path = path.parent_path();  // "folder/"
  const std::string stem = video.container == "pictures" ? path.filename().string() : path.stem().string();
  return stem.empty() || stem == "." || stem == ".." ? "video" : stem;
}

std::string file_text(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TrackOutputs::TrackOutputs(TrackOutputOptions options, const VideoReader& video, Io& io)
    : options_(std::move(options)), video_(video.info()), name_(name_of(video_)), io_(&io) {
  if (!options_.tensors.empty()) tensors_.emplace(options_.tensors, options_.stride);
}

Result<TrackOutputs> TrackOutputs::open(const TrackOutputOptions& options, const VideoReader& video,
                                        const std::string& run, Io& io) {
  TrackOutputs outputs(options, video, io);
  if (!options.folder.empty()) FACET_RETURN_IF_ERROR(outputs.open_folder(run));
  if (!options.overlay.empty()) {
    FACET_ASSIGN_OR_RETURN(
        outputs.overlay_,
        io::VideoWriter::create(options.overlay, {.size = outputs.video_.size,
                                                  .time_base = outputs.video_.time_base,
                                                  .frame_rate = outputs.video_.frame_rate,
                                                  .pixel_aspect = outputs.video_.pixel_aspect,
                                                  .threads = options.threads}));
    outputs.codec_ = outputs.overlay_->codec();
  }
  return outputs;
}

Status TrackOutputs::open_folder(const std::string& run) {
  const fs::path folder(options_.folder);
  const fs::path run_path = folder / (name_ + "_run.txt");
  FACET_RETURN_IF_ERROR(make_folder(folder / (name_ + "_labels")));
  if (options_.resume) {
    if (!fs::exists(run_path)) {
      return {StatusCode::Usage,
              fmt::format("--resume: there is no run to go on with in {}", folder.string())};
    }
    if (file_text(run_path) != run) {
      return {StatusCode::Usage,
              fmt::format("--resume: {} was written by another run; expected the same video, "
                          "model, prompts, direction and range",
                          (folder / (name_ + ".jsonl")).string())};
    }
  } else {
    FACET_RETURN_IF_ERROR(io::write_file(run_path, run));
  }
  FACET_ASSIGN_OR_RETURN(LineFile lines, LineFile::open(folder / (name_ + ".jsonl"), options_.resume));
  lines_.emplace(std::move(lines));
  for (const std::string& line : lines_->earlier()) {
    std::optional<FrameResult> result = parse_frame_line(line, video_.size);
    if (!result || !label_is_whole(*result)) break;
    earlier_.push_back(std::move(*result));
  }
  return {};
}

fs::path TrackOutputs::labels_path(int frame) const {
  return fs::path(options_.folder) / (name_ + "_labels") / fmt::format("{:06}.png", frame);
}

bool TrackOutputs::label_is_whole(const FrameResult& result) const {
  return !result.status.ok() || io::read_mask(labels_path(result.masks.frame), video_.size).ok();
}

Status TrackOutputs::keep_earlier(std::size_t count) { return lines_ ? lines_->keep(count) : Status(); }

Status TrackOutputs::add(const FrameResult& result, const Image* image, std::int64_t timestamp) {
  const std::string line = frame_line(result);
  // The label picture first: a line stands for a frame that is complete.
  if (lines_ && result.status.ok()) {
    FACET_ASSIGN_OR_RETURN(const auto picture, label_picture(result.masks, video_.size));
    FACET_RETURN_IF_ERROR(io::write_file(labels_path(result.masks.frame), picture));
    ++label_pictures_;
  }
  if (lines_) FACET_RETURN_IF_ERROR(lines_->append(line));
  if (options_.json) FACET_RETURN_IF_ERROR(print(*io_, line + "\n"));
  return add_to_overlay(result, image, timestamp);
}

Status TrackOutputs::add_to_overlay(const FrameResult& result, const Image* image, std::int64_t timestamp) {
  if (!overlay_ || !result.status.ok()) return {};
  if (!options_.ascending) {
    FrameResult& kept = kept_[result.masks.frame];
    kept.masks.frame = result.masks.frame;
    for (const ObjectMask& object : result.masks.objects) {
      kept.masks.objects.push_back({.object = object.object, .score = object.score, .rle = object.rle});
    }
    return {};
  }
  if (image == nullptr) return {};
  if (!first_timestamp_) first_timestamp_ = timestamp;
  return overlay_->write(overlay_frame(*image, result.masks), timestamp - *first_timestamp_);
}

void TrackOutputs::add_tensors(std::string name, const FrameMasks& masks) {
  if (tensors_ && !masks.objects.empty()) tensors_->add(std::move(name), masks);
}

Status TrackOutputs::draw_kept(VideoReader& video) {
  options_.ascending = true;
  for (const auto& [frame, result] : kept_) {
    const Result<std::optional<Image>> image = video.read(frame);
    if (!image.ok() || !*image) continue;
    FACET_RETURN_IF_ERROR(add_to_overlay(result, &**image, video.timestamp(frame)));
  }
  return {};
}

Status TrackOutputs::finish(VideoReader& video, bool stopped) {
  Status first;
  const auto note = [&first](const Status& status) {
    if (first.ok()) first = status;
  };
  if (tensors_) note(tensors_->write());
  if (overlay_ && !options_.ascending && stopped) {
    tell(*io_,
         options_.overlay + ": not written, because a backward run draws it at its end; --resume does so");
    overlay_.reset();
  }
  if (overlay_ && !options_.ascending) note(draw_kept(video));
  if (overlay_ && (first_timestamp_ || !stopped)) note(overlay_->finish());
  overlay_.reset();
  lines_.reset();
  return first;
}

std::vector<std::string> TrackOutputs::describe() const {
  std::vector<std::string> lines;
  const fs::path folder(options_.folder);
  if (!options_.folder.empty()) {
    lines.push_back((folder / (name_ + ".jsonl")).string());
    lines.push_back(
        fmt::format("{}/ ({} label pictures)", (folder / (name_ + "_labels")).string(), label_pictures_));
  }
  if (!options_.overlay.empty()) lines.push_back(fmt::format("{} ({})", options_.overlay, codec_));
  if (!options_.tensors.empty()) lines.push_back(options_.tensors);
  return lines;
}

}  // namespace facet::cli
