#include "segment/outputs/overlay.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "segment/outputs/label_image.h"
#include "segment/outputs/overlay_outlines.h"
#include "segment/outputs/overlay_prompts.h"
#include "segment/outputs/overlay_tags.h"

namespace facet::segment {
namespace {

void fill_masks(Image& canvas, std::span<const std::uint32_t> visible, std::span<const Rgb> colours,
                double opacity) {
  const int weight = int(std::lround(256 * std::clamp(opacity, 0.0, 1.0)));
  std::uint8_t* pixel = canvas.rgb().data();
  for (const std::uint32_t label : visible) {
    if (label != 0) {
      const Rgb& colour = colours[label - 1];
      for (int c = 0; c < 3; ++c) {
        pixel[c] = std::uint8_t((pixel[c] * (256 - weight) + colour[std::size_t(c)] * weight + 128) / 256);
      }
    }
    pixel += 3;
  }
}

std::vector<Rgb> colours_of(std::span<const MaskRecord> masks, const OverlayOptions& options) {
  if (!options.colours.empty()) {
    FACET_CHECK(options.colours.size() == masks.size(), "draw_overlay: colours and masks differ in number");
    return options.colours;
  }
  std::vector<BoxXywh> boxes;
  for (const MaskRecord& mask : masks) boxes.push_back(rle_bbox(mask.rle));
  return assign_colours(boxes);
}

std::string tag_text(const MaskRecord& mask, std::size_t id, const OverlayOptions& options) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : " ") + part;
  };
  if (options.ids) add("#" + std::to_string(id));
  if (options.labels) add(mask.label);
  if (options.scores) add(score_text(mask.predicted_iou));
  return text;
}

std::vector<Tag> tags_of(std::span<const MaskRecord> masks, std::span<const Rgb> colours,
                         const OverlayOptions& options) {
  std::vector<Tag> tags;
  for (const std::size_t i : largest_first(masks)) {
    const std::string text = tag_text(masks[i], i, options);
    const BoxXywh bbox = rle_bbox(masks[i].rle);
    if (!text.empty() && bbox.width > 0) tags.push_back({text, colours[i], i, bbox});
  }
  return tags;
}

std::vector<BoxXywh> mark_areas(Size picture, std::span<const OverlayPoint> points) {
  std::vector<BoxXywh> areas;
  for (const OverlayPoint& p : points) areas.push_back(prompt_point_area(picture, p.point));
  return areas;
}

}  // namespace

Image draw_overlay(const Image& image, std::span<const MaskRecord> masks, const OverlayOptions& options) {
  Image canvas = image;
  if (canvas.empty()) return canvas;
  const std::vector<Rgb> colours = colours_of(masks, options);
  const std::vector<std::uint32_t> visible = visible_masks(image.size(), masks);
  fill_masks(canvas, visible, colours, options.fill_opacity);
  if (options.outlines) {
    for (const std::size_t i : largest_first(masks)) draw_outline(canvas, masks[i].rle, colours[i]);
  }
  for (const MaskRecord& mask : masks) {
    if (options.record_points && mask.point) draw_dot(canvas, *mask.point);
  }
  draw_tags(canvas, tags_of(masks, colours, options), visible, mark_areas(image.size(), options.points));
  for (const Box& box : options.boxes) draw_box(canvas, box);
  for (const OverlayPoint& p : options.points) draw_prompt_point(canvas, p.point, p.label != 0);
  return canvas;
}

}  // namespace facet::segment
