#pragma once

#include "facet/image.h"

namespace facet::segment {

/// A green star (on the object) or a red disc (on the background), with a white rim.
void draw_prompt_point(Image& canvas, Point point, bool on_object);
/// A green frame with a white rim.
void draw_box(Image& canvas, const Box& box);
/// A small white dot with a dark rim: a point that no person has set.
void draw_dot(Image& canvas, Point point);

}  // namespace facet::segment
