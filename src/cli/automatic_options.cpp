#include "cli/automatic_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace facet::cli {
namespace {

using ParsedJson = nlohmann::json;
using PointGrid = std::vector<Point>;

Result<Point> read_grid_point(const ParsedJson& value) {
  if (value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number()) {
    const Point point{value[0].get<float>(), value[1].get<float>()};
    if (point.x >= 0 && point.x <= 1 && point.y >= 0 && point.y <= 1) return point;
  }
  return Status(StatusCode::Usage, "expected [x, y] with numbers from 0 to 1");
}

Result<PointGrid> read_grid(const ParsedJson& value) {
  if (!value.is_array()) {
    return Status(StatusCode::Usage, fmt::format("expected a list of points, found {}", value.type_name()));
  }
  PointGrid grid;
  for (std::size_t i = 0; i < value.size(); ++i) {
    Result<Point> point = read_grid_point(value[i]);
    if (!point.ok()) return point.status().with_context(fmt::format("point {}", i));
    grid.push_back(*point);
  }
  return grid;
}

Result<std::vector<PointGrid>> read_point_grids(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    return Status(StatusCode::Usage, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  const ParsedJson document = ParsedJson::parse(stream, nullptr, false);
  if (!document.is_array()) {
    return Status(StatusCode::Usage,
                  fmt::format("{}: expected a JSON list of one list of points for each crop layer", path));
  }
  std::vector<PointGrid> grids;
  for (std::size_t i = 0; i < document.size(); ++i) {
    Result<PointGrid> grid = read_grid(document[i]);
    if (!grid.ok()) return grid.status().with_context(fmt::format("{}: layer {}", path, i));
    grids.push_back(std::move(grid).value());
  }
  return grids;
}

}  // namespace

void bind_automatic(CLI::App& command, AutomaticOptions& options) {
  AutomaticMaskOptions& generator = options.generator;
  const auto add = [&command](const char* name, auto& value, const char* help) {
    command.add_option(name, value, help)->capture_default_str()->group("Masks");
  };
  add("--points-per-side", generator.points_per_side, "a grid of so many points squared is asked");
  add("--points-per-batch", generator.points_per_batch, "points asked at once: bounds the memory");
  command
      .add_option("--pred-iou-thresh", generator.pred_iou_thresh,
                  "drop masks that the model scores lower; 0.88 unless given, 0.8 with SAM 2")
      ->group("Masks");
  add("--stability-score-thresh", generator.stability_score_thresh,
      "drop masks that change more than this when the threshold moves");
  add("--stability-score-offset", generator.stability_score_offset, "by how much it moves");
  add("--box-nms-thresh", generator.box_nms_thresh, "of masks whose boxes have a higher IoU, keep one");
  add("--crop-n-layers", generator.crop_n_layers, "layer i looks again at 4^i crops, for small things");
  add("--crop-nms-thresh", generator.crop_nms_thresh, "as --box-nms-thresh, between crops");
  add("--crop-overlap-ratio", generator.crop_overlap_ratio, "share of a side by which crops overlap");
  add("--crop-n-points-downscale-factor", generator.crop_n_points_downscale_factor,
      "points per side are divided by this from layer to layer");
  add("--min-mask-region-area", generator.min_mask_region_area,
      "remove smaller holes and islands, in pixels");
  command.add_flag("!--single", generator.multimask_output, "one mask a point instead of three")
      ->group("Masks");
  command.add_flag("--use-m2m", generator.use_m2m, "decode every mask once more with itself as a prompt")
      ->group("Masks");
  command
      .add_option("--point-grids", options.point_grids,
                  "own points instead of the grid: a list of [x, y] a layer")
      ->type_name("FILE.json")
      ->group("Masks");
}

Result<AutomaticMaskOptions> make_automatic_options(const AutomaticOptions& options) {
  AutomaticMaskOptions generator = options.generator;
  if (!options.point_grids.empty()) {
    FACET_ASSIGN_OR_RETURN(generator.point_grids, read_point_grids(options.point_grids));
  }
  return generator;
}

}  // namespace facet::cli
