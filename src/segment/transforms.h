#pragma once

#include "facet/image.h"
#include "facet/model.h"
#include "facet/status.h"
#include "facet/tensor.h"
#include "ops/context.h"

namespace facet::segment {

/// Where a picture lies in the model's square: the longer side fills it and the rest below or to the right is
/// zero, or it is stretched to fill the square.
struct Placement {
  Size original;           ///< the picture
  Size input;              ///< the picture inside the square
  bool stretched = false;  ///< SAM 2

  [[nodiscard]] Point to_model(Point point) const;
  [[nodiscard]] Box to_model(const Box& box) const;
};

/// Errors  BadPicture when a side is under 2 pixels, or the shorter side would shrink to nothing
[[nodiscard]] Result<Placement> place(Size picture, const ModelInfo& model);

/// What an encoder takes, as the operations read it: resized, normalised with the ImageNet means and
/// deviations, padded. [1, image_size, image_size, 3]. A device does all of it itself; what it makes is the
/// host's to the bit, but for rounding where SAM 2's pictures are resized.
[[nodiscard]] Tensor to_input(ops::Context& ctx, const Image& image, const Placement& placement,
                              int image_size);
/// The same, made in a picture's place in a batch. out [1, image_size, image_size, 3], as the operations read
/// it
void write_input(ops::Context& ctx, const Image& image, const Placement& placement, TensorView out);
/// A frame of a video, which SAM 2 resizes otherwise than a picture: Pillow's bicubic filter on bytes.
[[nodiscard]] Tensor frame_to_input(ops::Context& ctx, const Image& frame, int image_size);

/// [1, H, W, C] -> [1, C, H, W], for people who compare with the reference.
[[nodiscard]] Tensor channels_first(ConstTensorView x);

}  // namespace facet::segment
