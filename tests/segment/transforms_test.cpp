#include "segment/transforms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "core/tensor_range.h"
#include "ops/cuda/cuda_kernels.h"
#include "ops/picture_input.h"
#include "ops/transfer.h"
#include "support/cuda_device.h"

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

TEST(ToInput, IsTheHostsWorkWhereTensorsLieThere) {
  ops::Context ctx(ops::cpu_kernels(), ThreadTeam(1));
  const Image image(Size{2, 2});
  const ops::SideFilter<float> side{.taps = {{0, 1, 0}}, .weights = {1}};
  Tensor out(Shape({1, 4, 4, 3}));
  EXPECT_THROW(
      ops::picture_input(ctx, {.picture = image, .filter = ops::PictureFilter<float>{side, side}}, out),
      StatusError);
}

TEST(ToInput, TapsLieInsideThePicture) {
  ops::Context ctx(ops::cpu_kernels(), ThreadTeam(1));
  const Image image(Size{2, 2});
  const ops::SideFilter<float> good{.taps = {{0, 1, 0}}, .weights = {1}};
  const ops::SideFilter<float> beyond_side{.taps = {{1, 2, 0}}, .weights = {1, 1}};
  const ops::SideFilter<float> beyond_weights{.taps = {{0, 2, 0}}, .weights = {1}};
  const ops::SideFilter<float> too_wide{.taps = {5, ops::FilterTaps{0, 1, 0}}, .weights = {1}};
  Tensor out(Shape({1, 4, 4, 3}));
  for (const auto& bad : {beyond_side, beyond_weights, too_wide, {}}) {
    for (const auto& filter : {ops::PictureFilter<float>{bad, good}, ops::PictureFilter<float>{good, bad}}) {
      EXPECT_THROW(ops::picture_input(ctx, {.picture = image, .filter = filter}, out), ContractError);
    }
  }
  const auto filter = ops::PictureFilter<float>{good, good};
  EXPECT_THROW(ops::picture_input(ctx, {.picture = Image(), .filter = filter}, out), ContractError);
  Tensor not_square(Shape({1, 4, 5, 3}));
  EXPECT_THROW(ops::picture_input(ctx, {.picture = image, .filter = filter}, not_square), ContractError);
}

Image noise(Size size) {
  Image image(size);
  std::uint32_t state = 1;
  for (std::uint8_t& value : image.rgb()) {
    state = state * 1664525 + 1013904223;
    // Extremes often: a cubic filter overshoots beside them.
    value = state >> 30 == 0 ? 0 : state >> 30 == 1 ? 255 : static_cast<std::uint8_t>(state >> 16);
  }
  return image;
}

// Counted so that a NaN differs from everything.
std::size_t differences(ConstTensorView a, ConstTensorView b, double tolerance) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < b.data<float>().size(); ++i) {
    const double difference = double(a.data<float>()[i]) - b.data<float>()[i];
    if (!(std::abs(difference) <= tolerance)) ++count;
  }
  return count;
}

/// What a device makes of a picture beside what the host makes of it.
class DeviceInput : public ::testing::Test {
 protected:
  static constexpr int kSide = 96;
  // Smaller and larger than the square, of its size, odd, and as narrow as a picture may be.
  static constexpr Size kSizes[] = {{301, 403}, {401, 207}, {40, 30}, {96, 96}, {96, 31},
                                    {97, 95},   {2, 2},     {2, 90},  {90, 2},  {1031, 67}};

  void SetUp() override {
    FACET_REQUIRE_CUDA_DEVICE();
    device.emplace(ops::cuda_kernels(0, Precision::Fp32).value(), ThreadTeam(2));
  }
  [[nodiscard]] Tensor on_host(const Tensor& x) { return ops::downloaded(*device, x); }

  ops::Context host{ops::cpu_kernels(), ThreadTeam(1)};
  std::optional<ops::Context> device;
};

TEST_F(DeviceInput, IsTheHostsToTheBit) {
  for (const Size size : kSizes) {
    const Image image = noise(size);
    const Placement placement = *place(size, ModelInfo{.image_size = kSide});
    const Tensor expected = to_input(host, image, placement, kSide);
    const Tensor made = on_host(to_input(*device, image, placement, kSide));
    ASSERT_EQ(made.shape(), expected.shape());
    EXPECT_EQ(differences(made, expected, 0), 0U) << size.height << " x " << size.width;
  }
}

TEST_F(DeviceInput, OfAStretchedPictureIsTheHosts) {
  for (const Size size : kSizes) {
    const Image image = noise(size);
    const Placement placement = *place(size, ModelInfo{.image_size = kSide, .keeps_aspect = false});
    const Tensor expected = to_input(host, image, placement, kSide);
    const Tensor made = on_host(to_input(*device, image, placement, kSide));
    ASSERT_EQ(made.shape(), expected.shape());
    EXPECT_EQ(differences(made, expected, 1e-6), 0U) << size.height << " x " << size.width;
  }
}

TEST_F(DeviceInput, OfAFrameIsTheHostsToTheBit) {
  for (const Size size : kSizes) {
    const Image image = noise(size);
    const Tensor expected = frame_to_input(host, image, kSide);
    const Tensor made = on_host(frame_to_input(*device, image, kSide));
    ASSERT_EQ(made.shape(), expected.shape());
    EXPECT_EQ(differences(made, expected, 0), 0U) << size.height << " x " << size.width;
  }
}

TEST_F(DeviceInput, TakesItsPlaceInABatch) {
  Tensor batch = device->make({3, kSide, kSide, 3});
  const Size sizes[] = {{301, 403}, {2, 90}, {97, 95}};
  for (int i = 0; i < 3; ++i) {
    write_input(*device, noise(sizes[i]), *place(sizes[i], ModelInfo{.image_size = kSide}),
                range_of(batch.view(), i, 1));
  }
  const Tensor made = on_host(batch);
  for (int i = 0; i < 3; ++i) {
    const Placement placement = *place(sizes[i], ModelInfo{.image_size = kSide});
    const Tensor expected = to_input(host, noise(sizes[i]), placement, kSide);
    EXPECT_EQ(differences(range_of(made.view(), i, 1), expected, 0), 0U) << i;
  }
}

}  // namespace
}  // namespace facet::segment
