#pragma once

#include "facet/image.h"
#include "facet/status.h"
#include "facet/tensor.h"
#include "ops/context.h"

namespace facet::segment {

/// Where a picture lies in the model's square: the longer side fills it, the rest below or to the right is
/// zero.
struct Placement {
  Size original;  ///< the picture
  Size input;     ///< the picture inside the square

  [[nodiscard]] Point to_model(Point point) const;
  [[nodiscard]] Box to_model(const Box& box) const;
};

/// Errors  BadPicture when a side is under 2 pixels, or the shorter side would shrink to nothing
[[nodiscard]] Result<Placement> place(Size picture, int image_size);

/// Resizes, normalises with the ImageNet means and deviations, pads. [1, image_size, image_size, 3]
[[nodiscard]] Tensor to_input(ops::Context& ctx, const Image& image, const Placement& placement,
                              int image_size);

/// [1, H, W, C] -> [1, C, H, W], for people who compare with the reference.
[[nodiscard]] Tensor channels_first(ConstTensorView x);

}  // namespace facet::segment
