#include "cli/track_pictures.h"

#include <algorithm>
#include <array>
#include <string>

#include "io/picture_writer.h"
#include "segment/outputs/label_image.h"
#include "segment/outputs/overlay.h"

namespace facet::cli {
namespace {

constexpr int kMaxIndex = 255;

std::vector<MaskRecord> records_of(const FrameMasks& masks) {
  std::vector<MaskRecord> records;
  for (const ObjectMask& object : masks.objects) {
    MaskRecord record = make_mask_record(object.rle, object.score);
    record.label = std::to_string(object.object);
    records.push_back(std::move(record));
  }
  return records;
}

int highest_number(const FrameMasks& masks) {
  int highest = 0;
  for (const ObjectMask& object : masks.objects) highest = std::max(highest, object.object);
  return highest;
}

}  // namespace

segment::Rgb object_colour(int object) {
  const auto colours = segment::distinct_colours();
  return colours[std::size_t(object - 1) % colours.size()];
}

Result<std::vector<std::uint8_t>> label_picture(const FrameMasks& masks, Size size) {
  FACET_ASSIGN_OR_RETURN(std::vector<std::uint16_t> labels, segment::label_image(size, records_of(masks)));
  for (std::uint16_t& label : labels) {
    if (label != 0) label = std::uint16_t(masks.objects[label - 1U].object);
  }
  const int highest = highest_number(masks);
  if (highest > kMaxIndex) return io::encode_png_gray16(size, labels);
  std::vector<std::array<std::uint8_t, 3>> palette(std::size_t(highest) + 1);
  for (int object = 1; object <= highest; ++object) palette[std::size_t(object)] = object_colour(object);
  const std::vector<std::uint8_t> indices(labels.begin(), labels.end());
  return io::encode_png_indexed(size, indices, palette);
}

Image overlay_frame(const Image& image, const FrameMasks& masks) {
  segment::OverlayOptions options;
  options.labels = true;
  for (const ObjectMask& object : masks.objects) options.colours.push_back(object_colour(object.object));
  return segment::draw_overlay(image, records_of(masks), options);
}

}  // namespace facet::cli
