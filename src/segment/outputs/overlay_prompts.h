#pragma once

#include "facet/image.h"
#include "facet/masks.h"

namespace facet::segment {

/// A green star (on the object) or a red disc (on the background), with a white rim.
void draw_prompt_point(Image& canvas, Point point, bool on_object);
/// What draw_prompt_point covers on a picture of that size, rims included; it may reach past the picture's
/// edges.
[[nodiscard]] BoxXywh prompt_point_area(Size picture, Point point);
/// A green frame with a white rim.
void draw_box(Image& canvas, const Box& box);
/// A small white dot with a dark rim: a point that no person has set.
void draw_dot(Image& canvas, Point point);

}  // namespace facet::segment
