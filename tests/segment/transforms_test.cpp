#include "segment/transforms.h"

#include <gtest/gtest.h>

namespace facet::segment {
namespace {

TEST(Placement, TheLongerSideFillsTheSquare) {
  EXPECT_EQ(place({700, 300}, ModelInfo{})->input, (Size{1024, 439}));
  EXPECT_EQ(place({900, 1600}, ModelInfo{})->input, (Size{576, 1024}));
  EXPECT_EQ(place({1024, 1024}, ModelInfo{})->input, (Size{1024, 1024}));
  const Placement placement = *place({900, 1600}, ModelInfo{});
  EXPECT_FLOAT_EQ(placement.to_model(Point{1600, 900}).x, 1024.0F);
  EXPECT_FLOAT_EQ(placement.to_model(Point{1600, 900}).y, 576.0F);
}

TEST(Placement, RefusesPicturesWithoutAnInside) {
  for (const Size size : {Size{1, 1}, Size{1, 500}, Size{0, 0}, Size{2, 5000}}) {
    const auto placement = place(size, ModelInfo{});
    EXPECT_EQ(placement.status().code(), StatusCode::BadPicture) << size.height << " x " << size.width;
  }
  EXPECT_NE(place({1, 7}, ModelInfo{}).status().message().find("7 x 1"), std::string::npos);
}

TEST(ToInput, NormalisesAndPadsWithZeros) {
  ops::Context ctx(ops::cpu_kernels(), ThreadTeam(1));
  Image image(Size{8, 16});
  std::fill(image.rgb().begin(), image.rgb().end(), std::uint8_t{200});
  const Tensor input = to_input(ctx, image, *place(image.size(), ModelInfo{.image_size = 64}), 64);
  EXPECT_EQ(input.shape(), Shape({1, 64, 64, 3}));
  EXPECT_FLOAT_EQ(input.data<float>()[0], (200.0F - 123.675F) / 58.395F);
  EXPECT_FLOAT_EQ(input.data<float>()[2], (200.0F - 103.53F) / 57.375F);
  EXPECT_EQ(input.data<float>()[40 * 64 * 3], 0.0F);
}

}  // namespace
}  // namespace facet::segment
