#include "segment/transforms.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "ops/picture_input.h"
#include "segment/resize.h"

namespace facet::segment {
namespace {

constexpr std::array<float, 3> kMean = {123.675F, 116.28F, 103.53F};
constexpr std::array<float, 3> kDeviation = {58.395F, 57.12F, 57.375F};
constexpr int kLeastSide = 2;

// rgb [input.height][input.width][3] in the corner of a square of zeros.
template <class Value>
void write_normalized(const ops::Context& ctx, std::span<const Value> rgb, Size input_size,
                      TensorView square) {
  const std::int64_t side = square.shape()[1];
  float* out = square.data<float>().data();
  const std::size_t stride = std::size_t(side) * 3;
  ctx.team().parallel_for(side, [&](std::int64_t y, int) {
    float* row = out + y * stride;
    std::size_t filled = 0;
    if (y < input_size.height) {
      filled = std::size_t(input_size.width) * 3;
      const Value* from = rgb.data() + y * filled;
      for (std::size_t i = 0; i < filled; ++i) row[i] = (float(from[i]) - kMean[i % 3]) / kDeviation[i % 3];
    }
    std::fill(row + filled, row + stride, 0.0F);
  });
}

// The device's way: `make_filter` is for one side.
template <class Weight>
void write_on_device(ops::Context& ctx, const Image& image, Size input_size,
                     ops::SideFilter<Weight> (*make_filter)(int in, int out), TensorView square) {
  ops::PictureFilter<Weight> filter{make_filter(image.width(), input_size.width),
                                    make_filter(image.height(), input_size.height)};
  ops::picture_input(
      ctx, {.picture = image, .filter = std::move(filter), .mean = kMean, .deviation = kDeviation}, square);
}

Tensor make_square(ops::Context& ctx, int image_size) { return ctx.make({1, image_size, image_size, 3}); }

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

void write_input(ops::Context& ctx, const Image& image, const Placement& placement, TensorView out) {
  const Size size = placement.input;
  if (!ctx.kernels().on_host()) {
    return placement.stretched ? write_on_device(ctx, image, size, unrounded_bilinear_filter, out)
                               : write_on_device(ctx, image, size, bilinear_filter, out);
  }
  if (placement.stretched) {
    const std::vector<float> resized = resize_bilinear_unrounded(image, size);
    return write_normalized(ctx, std::span<const float>(resized), size, out);
  }
  const Image resized = resize_bilinear(image, size);
  write_normalized(ctx, resized.rgb(), size, out);
}

Tensor to_input(ops::Context& ctx, const Image& image, const Placement& placement, int image_size) {
  Tensor input = make_square(ctx, image_size);
  write_input(ctx, image, placement, input);
  return input;
}

Tensor frame_to_input(ops::Context& ctx, const Image& frame, int image_size) {
  const Size size{image_size, image_size};
  Tensor input = make_square(ctx, image_size);
  if (ctx.kernels().on_host()) {
    const Image resized = resize_bicubic(frame, size);
    write_normalized(ctx, resized.rgb(), size, input);
  } else {
    write_on_device(ctx, frame, size, bicubic_filter, input);
  }
  return input;
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
