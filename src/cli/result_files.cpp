#include "cli/result_files.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "io/atomic_file.h"
#include "io/picture_writer.h"
#include "segment/outputs/coco_json.h"
#include "segment/outputs/csv_table.h"
#include "segment/outputs/label_image.h"
#include "segment/outputs/overlay.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Above so many masks, scores would hide what they are written on.
constexpr std::size_t kMaxScoredMasks = 40;

struct KindName {
  std::string_view name;
  OutputKind kind;
};
constexpr std::array<KindName, 8> kKinds = {{{"overlay", OutputKind::Overlay},
                                             {"masks", OutputKind::Masks},
                                             {"labels", OutputKind::Labels},
                                             {"labels-tiff", OutputKind::LabelsTiff},
                                             {"json", OutputKind::Json},
                                             {"coco", OutputKind::Coco},
                                             {"csv", OutputKind::Csv},
                                             {"polygons", OutputKind::Polygons}}};

std::string kind_names() {
  std::string names;
  for (const KindName& kind : kKinds) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

Result<OutputKind> parse_kind(const std::string& name) {
  for (const KindName& kind : kKinds) {
    if (kind.name == name) return kind.kind;
  }
  return Status(StatusCode::Usage, fmt::format("--write '{}': expected {}", name, kind_names()));
}

segment::OverlayOptions overlay_options(const PictureResults& results) {
  segment::OverlayOptions options;
  options.scores = results.shown.masks.size() <= kMaxScoredMasks;
  for (std::size_t i = 0; i < results.points.size(); ++i) {
    options.points.push_back({results.points[i], results.labels[i]});
  }
  options.boxes = results.boxes;
  return options;
}

Json rings_json(const std::vector<std::vector<Point>>& rings) {
  Json json = Json::array();
  for (const auto& ring : rings) {
    Json points = Json::array();
    for (const Point& point : ring) points.push_back({point.x, point.y});
    json.push_back(std::move(points));
  }
  return json;
}

std::string polygons_document(const PictureMasks& picture) {
  Json document = {{"image", picture.file_name},
                   {"height", picture.size.height},
                   {"width", picture.size.width},
                   {"objects", Json::array()}};
  for (const MaskRecord& mask : picture.masks) {
    const Polygons polygons = mask_to_polygons(rle_decode(mask.rle));
    document["objects"].push_back({{"score", mask.predicted_iou},
                                   {"outer", rings_json(polygons.outer)},
                                   {"holes", rings_json(polygons.holes)}});
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string coco_document(const PictureMasks& picture) {
  segment::CocoOptions options;
  options.date_created = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
  return segment::coco_json(std::span(&picture, 1), options);
}

/// Writes files one after the other until one fails.
class FileSet {
 public:
  FileSet(fs::path folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}

  void text(std::string_view suffix, std::string_view content) {
    const fs::path path = path_of(suffix);
    if (status_.ok()) note(path, io::write_file(path, content));
  }
  void picture(std::string_view suffix, const io::EncodedPicture& encoded) {
    const fs::path path = path_of(suffix);
    if (status_.ok()) note(path, encoded.ok() ? io::write_file(path, *encoded) : encoded.status());
  }
  [[nodiscard]] bool ok() const { return status_.ok(); }
  Result<std::vector<fs::path>> finish() && {
    if (!status_.ok()) return status_;
    return std::move(paths_);
  }

 private:
  [[nodiscard]] fs::path path_of(std::string_view suffix) const {
    return folder_ / (name_ + std::string(suffix));
  }
  void note(const fs::path& path, const Status& status) {
    status_ = status.code() == StatusCode::OutputFailed ? status : status.with_context(path.string());
    if (status_.ok()) paths_.push_back(path);
  }
  fs::path folder_;
  std::string name_;
  Status status_;
  std::vector<fs::path> paths_;
};

void write_labels(const PictureResults& results, const OutputPlan& plan, FileSet& files) {
  if (!plan.kinds.contains(OutputKind::Labels) && !plan.kinds.contains(OutputKind::LabelsTiff)) return;
  const auto labels = segment::label_image(results.shown.size, results.shown.masks);
  const auto encode = [&](auto encoder) -> io::EncodedPicture {
    if (!labels.ok()) return labels.status();
    return encoder(results.shown.size, std::span<const std::uint16_t>(*labels));
  };
  if (plan.kinds.contains(OutputKind::Labels)) files.picture("_labels.png", encode(io::encode_png_gray16));
  if (plan.kinds.contains(OutputKind::LabelsTiff))
    files.picture("_labels.tif", encode(io::encode_tiff_gray16));
}

void write_masks(const PictureResults& results, FileSet& files) {
  for (const MaskFile& mask : results.masks) {
    if (!files.ok()) return;
    const Bitmap bitmap = rle_decode(*mask.rle);
    files.picture(fmt::format("_mask_{}.png", mask.suffix), io::encode_png_bilevel(bitmap.size, bitmap.bits));
  }
}

}  // namespace

Status make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return {StatusCode::OutputFailed, fmt::format("cannot create {}: {}", folder.string(), error.message())};
  }
  if (access(folder.c_str(), W_OK | X_OK) == 0) return {};
  return {StatusCode::OutputFailed,
          fmt::format("cannot write into {}: {}", folder.string(), std::strerror(errno))};
}

void bind_output(CLI::App& command, OutputOptions& options, const std::string& default_kinds) {
  command
      .add_option("-o,--output", options.folder,
                  fmt::format("folder for the files [{}, or none with --json]", kDefaultFolder))
      ->type_name("DIR");
  command
      .add_option("--write", options.kinds,
                  fmt::format("which files: of {} [{}]", kind_names(), default_kinds))
      ->type_name("KIND,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_flag("--json", options.json, "print one JSON document, and nothing else");
}

Result<OutputPlan> plan_output(const OutputOptions& options, const std::set<OutputKind>& default_kinds) {
  OutputPlan plan;
  for (const std::string& name : options.kinds) {
    FACET_ASSIGN_OR_RETURN(const OutputKind kind, parse_kind(name));
    plan.kinds.insert(kind);
  }
  if (options.kinds.empty()) plan.kinds = default_kinds;
  if (options.folder.empty() && options.json) {
    if (!options.kinds.empty()) return Status(StatusCode::Usage, "--write with --json: say where, with -o");
    return OutputPlan{};
  }
  plan.folder = options.folder.empty() ? kDefaultFolder : options.folder;
  FACET_RETURN_IF_ERROR(make_folder(plan.folder));
  return plan;
}

Result<std::vector<fs::path>> write_results(const PictureResults& results, const OutputPlan& plan) {
  FileSet files(plan.folder, results.name);
  const auto wanted = [&plan](OutputKind kind) { return plan.kinds.contains(kind); };
  if (wanted(OutputKind::Overlay)) {
    files.picture("_overlay.png", io::encode_png(segment::draw_overlay(*results.image, results.shown.masks,
                                                                       overlay_options(results))));
  }
  if (wanted(OutputKind::Masks)) write_masks(results, files);
  write_labels(results, plan, files);
  if (wanted(OutputKind::Json)) files.text(".json", results.document + "\n");
  if (wanted(OutputKind::Coco)) files.text("_coco.json", coco_document(results.shown));
  if (wanted(OutputKind::Csv)) files.text(".csv", segment::csv_header() + segment::csv_rows(results.shown));
  if (wanted(OutputKind::Polygons)) files.text("_polygons.json", polygons_document(results.shown));
  return std::move(files).finish();
}

std::string result_name(const fs::path& picture, std::set<std::string>& taken) {
  const std::string stem = picture.stem().string();
  std::string name = stem;
  for (int i = 2; !taken.insert(name).second; ++i) name = fmt::format("{}-{}", stem, i);
  return name;
}

}  // namespace facet::cli
