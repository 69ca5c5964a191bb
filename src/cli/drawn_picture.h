#pragma once

#include "facet/image.h"

namespace facet::cli {

/// A picture for those who have none at hand: discs and bars of many colours on a shaded ground; the same on
/// every machine.
[[nodiscard]] Image drawn_picture(Size size = {768, 1024});

}  // namespace facet::cli
