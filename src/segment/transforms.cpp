#include "segment/transforms.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "segment/resize.h"

namespace facet::segment {
namespace {

constexpr std::array<float, 3> kMean = {123.675F, 116.28F, 103.53F};
constexpr std::array<float, 3> kDeviation = {58.395F, 57.12F, 57.375F};
constexpr int kLeastSide = 2;

// rgb [input.height][input.width][3] in the corner of a square of zeros.
template <class Value>
Tensor normalized(ops::Context& ctx, std::span<const Value> rgb, Size input_size, int image_size) {
  Tensor input = ctx.make({1, image_size, image_size, 3});
  float* out = input.data<float>().data();
  const std::size_t stride = std::size_t(image_size) * 3;
  ctx.team().parallel_for(image_size, [&](std::int64_t y, int) {
    float* row = out + y * stride;
    std::size_t filled = 0;
    if (y < input_size.height) {
      filled = std::size_t(input_size.width) * 3;
      const Value* from = rgb.data() + y * filled;
      for (std::size_t i = 0; i < filled; ++i) row[i] = (float(from[i]) - kMean[i % 3]) / kDeviation[i % 3];
    }
    std::fill(row + filled, row + stride, 0.0F);
  });
  return input;
}

}  // namespace

Point Placement::to_model(Point point) const {
  return {static_cast<float>(double(point.x) * (double(input.width) / original.width)),
          static_cast<float>(double(point.y) * (double(input.height) / original.height))};
}

Box Placement::to_model(const Box& box) const {
  const Point first = to_model(Point{box.x0, box.y0});
  const Point second = to_model(Point{box.x1, box.y1});
  return {first.x, first.y, second.x, second.y};
}

Result<Placement> place(Size picture, const ModelInfo& model) {
  const int image_size = model.image_size;
  const std::string size = std::to_string(picture.width) + " x " + std::to_string(picture.height) + " pixels";
  if (picture.height < kLeastSide || picture.width < kLeastSide) {
    return Status(StatusCode::BadPicture, "the picture has " + size + "; a side needs at least 2");
  }
  if (!model.keeps_aspect) return Placement{picture, {image_size, image_size}, true};
  const double scale = double(image_size) / std::max(picture.height, picture.width);
  const Size input{static_cast<int>(picture.height * scale + 0.5),
                   static_cast<int>(picture.width * scale + 0.5)};
  if (input.height < 1 || input.width < 1) {
    return Status(StatusCode::BadPicture, "the picture has " + size +
                                              "; its shorter side vanishes when the longer is " +
                                              std::to_string(image_size));
  }
  return Placement{picture, input};
}

Tensor to_input(ops::Context& ctx, const Image& image, const Placement& placement, int image_size) {
  if (placement.stretched) {
    const std::vector<float> resized = resize_bilinear_unrounded(image, placement.input);
    return normalized(ctx, std::span<const float>(resized), placement.input, image_size);
  }
  const Image resized = resize_bilinear(image, placement.input);
  return normalized(ctx, resized.rgb(), placement.input, image_size);
}

Tensor frame_to_input(ops::Context& ctx, const Image& frame, int image_size) {
  const Size square{image_size, image_size};
  const Image resized = resize_bicubic(frame, square);
  return normalized(ctx, resized.rgb(), square, image_size);
}

Tensor channels_first(ConstTensorView x) {
  const Shape& shape = x.shape();
  const std::int64_t pixels = shape[1] * shape[2];
  const std::int64_t channels = shape[3];
  Tensor out(Shape({1, channels, shape[1], shape[2]}));
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < pixels; ++i) {
      out.data<float>()[c * pixels + i] = x.data<float>()[i * channels + c];
    }
  }
  return out;
}

}  // namespace facet::segment
