#include "segment/outputs/overlay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/masks.h"

namespace facet::segment {
namespace {

constexpr Size kPictureSize{120, 160};

Image grey_picture(Size size = kPictureSize) {
  return {size, std::vector<std::uint8_t>(std::size_t(size.height) * size.width * 3, 120)};
}

MaskRecord block(BoxXywh box) {
  Bitmap mask{kPictureSize, std::vector<std::uint8_t>(std::size_t(kPictureSize.height) * kPictureSize.width)};
  for (int y = box.y; y < box.y + box.height; ++y) {
    for (int x = box.x; x < box.x + box.width; ++x) mask.bits[std::size_t(y) * kPictureSize.width + x] = 1;
  }
  return make_mask_record(rle_encode(mask), 0.93F);
}

Rgb at(const Image& image, int y, int x) {
  const auto pixel = image.pixel(y, x);
  return {pixel[0], pixel[1], pixel[2]};
}

std::size_t changed_pixels(const Image& a, const Image& b) {
  std::size_t changed = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width(); ++x) changed += at(a, y, x) != at(b, y, x) ? 1 : 0;
  }
  return changed;
}

const Rgb kGrey{120, 120, 120};

TEST(Overlay, FillsMasksAndLeavesTheRestAlone) {
  const std::vector<MaskRecord> masks = {block({20, 20, 60, 60})};
  const Image drawn = draw_overlay(grey_picture(), masks, {.fill_opacity = 0.5, .colours = {{255, 0, 20}}});
  EXPECT_EQ(at(drawn, 50, 50), (Rgb{188, 60, 70}));
  EXPECT_EQ(at(drawn, 50, 100), kGrey);
  EXPECT_EQ(at(drawn, 5, 5), kGrey);
}

TEST(Overlay, OutlinesLieOnTheBorderInTheFullColour) {
  const std::vector<MaskRecord> masks = {block({20, 20, 60, 60})};
  const Image drawn = draw_overlay(grey_picture(), masks, {.fill_opacity = 0, .colours = {{255, 0, 20}}});
  EXPECT_EQ(at(drawn, 50, 50), kGrey);
  const auto redness = [&](int x) { return int(at(drawn, 50, x)[0]) - int(at(drawn, 50, x)[1]); };
  EXPECT_GT(std::max(redness(19), redness(20)), 100);
  EXPECT_GT(std::max(redness(79), redness(80)), 100);
}

TEST(Overlay, ASmallMaskIsSeenOnALargeOne) {
  const std::vector<MaskRecord> masks = {block({60, 40, 30, 30}), block({20, 20, 100, 80})};
  const OverlayOptions options{.fill_opacity = 1, .outlines = false, .colours = {{0, 0, 255}, {255, 0, 0}}};
  const Image drawn = draw_overlay(grey_picture(), masks, options);
  EXPECT_EQ(at(drawn, 50, 70), (Rgb{0, 0, 255}));
  EXPECT_EQ(at(drawn, 25, 25), (Rgb{255, 0, 0}));
}

TEST(Overlay, MasksSideBySideGetClearlyDifferentColours) {
  const std::vector<MaskRecord> masks = {block({0, 0, 80, 120}), block({80, 0, 80, 120})};
  const Image drawn = draw_overlay(grey_picture(), masks, {.fill_opacity = 1, .outlines = false});
  EXPECT_GT(colour_distance(at(drawn, 60, 40), at(drawn, 60, 120)), 0.2);
}

TEST(Overlay, TextStandsOnAPlateInsideItsMask) {
  const std::vector<MaskRecord> masks = {block({20, 20, 100, 80})};
  const OverlayOptions options{
      .fill_opacity = 0, .outlines = false, .ids = true, .scores = true, .colours = {{255, 255, 0}}};
  const Image drawn = draw_overlay(grey_picture(), masks, options);
  std::size_t plate = 0, ink = 0;
  for (int y = 0; y < kPictureSize.height; ++y) {
    for (int x = 0; x < kPictureSize.width; ++x) {
      const Rgb pixel = at(drawn, y, x);
      if (pixel != kGrey) {
        EXPECT_TRUE(x >= 20 && x < 120 && y >= 20 && y < 100) << x << " " << y;
      }
      plate += pixel == Rgb{255, 255, 0} ? 1 : 0;
      ink += pixel[0] < 60 && pixel[1] < 60 ? 1 : 0;
    }
  }
  EXPECT_GT(plate, 200U);
  EXPECT_GT(ink, 30U);
}

TEST(Overlay, TextOfMasksInOnePlaceDoesNotCoverItself) {
  const std::vector<MaskRecord> masks = {block({40, 30, 60, 60}), block({40, 30, 60, 60})};
  OverlayOptions options{
      .fill_opacity = 0, .outlines = false, .labels = true, .colours = {{255, 0, 0}, {0, 0, 255}}};
  std::vector<MaskRecord> named = masks;
  named[0].label = "one";
  named[1].label = "two";
  const Image both = draw_overlay(grey_picture(), named, options);
  named[1].label = "";
  const Image first = draw_overlay(grey_picture(), named, options);
  for (int y = 0; y < kPictureSize.height; ++y) {
    for (int x = 0; x < kPictureSize.width; ++x) {
      if (at(first, y, x) == Rgb{255, 0, 0}) {
        ASSERT_EQ(at(both, y, x), (Rgb{255, 0, 0})) << x << " " << y;
      }
    }
  }
  EXPECT_GT(changed_pixels(both, first), 100U);
}

TEST(Overlay, TextMakesRoomForPrompts) {
  const std::vector<MaskRecord> masks = {block({20, 20, 100, 80})};
  const Rgb yellow{255, 255, 0};
  OverlayOptions options{.fill_opacity = 0, .outlines = false, .scores = true, .colours = {yellow}};
  const auto plate = [&] {
    const Image drawn = draw_overlay(grey_picture(), masks, options);
    std::size_t count = 0;
    for (int y = 0; y < kPictureSize.height; ++y) {
      for (int x = 0; x < kPictureSize.width; ++x) count += at(drawn, y, x) == yellow ? 1 : 0;
    }
    return count;
  };
  const std::size_t alone = plate();
  for (const Point point : {Point{70, 60}, Point{64, 55}, Point{75, 68}}) {
    options.points = {{point, 1}};
    EXPECT_EQ(plate(), alone) << point.x << " " << point.y;
  }
}

TEST(Overlay, PromptsAreDrawnAtTheirPlaces) {
  const OverlayOptions options{.points = {{{40, 60}, 1}, {{100, 60}, 0}}, .boxes = {{120, 20, 150, 100}}};
  const Image drawn = draw_overlay(grey_picture(), {}, options);
  const Rgb star = at(drawn, 60, 40), disc = at(drawn, 60, 100), frame = at(drawn, 60, 120);
  EXPECT_GT(star[1], star[0] + 100);
  EXPECT_GT(disc[0], disc[1] + 100);
  EXPECT_GT(frame[1], frame[0] + 50);
  EXPECT_EQ(at(drawn, 60, 135), kGrey);
}

TEST(Overlay, PromptsFarOutsideOrWithoutNumbersAreLeftOut) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const OverlayOptions options{.points = {{{1e30F, 5}, 1}, {{nan, 5}, 0}, {{-1e9F, -1e9F}, 1}},
                               .boxes = {{-1e30F, 0, 1e30F, 5}, {0, nan, 5, 5}}};
  EXPECT_EQ(changed_pixels(draw_overlay(grey_picture(), {}, options), grey_picture()), 0U);
}

TEST(Overlay, EverythingAtTheEdgesStaysInside) {
  std::vector<MaskRecord> masks = {block({0, 0, 160, 120}), block({159, 119, 1, 1}), block({0, 0, 1, 120}),
                                   block({0, 0, 0, 0})};
  for (MaskRecord& mask : masks) {
    mask.label = "a rather long name for so small a picture \xc3\xa4\xf0\x9f\x90\xb6";
    mask.point = Point{159.5F, 119.5F};
  }
  const OverlayOptions options{.ids = true,
                               .labels = true,
                               .scores = true,
                               .record_points = true,
                               .points = {{{0, 0}, 1}, {{160, 120}, 0}},
                               .boxes = {{-5, -5, 165, 125}}};
  const Image drawn = draw_overlay(grey_picture(), masks, options);
  EXPECT_EQ(drawn.size(), kPictureSize);
  EXPECT_GT(changed_pixels(drawn, grey_picture()), 10000U);
}

TEST(Overlay, TheSameInputGivesTheSameBytes) {
  const std::vector<MaskRecord> masks = {block({5, 5, 50, 50}), block({30, 30, 90, 60})};
  const OverlayOptions options{.ids = true, .points = {{{50, 50}, 1}}};
  const Image a = draw_overlay(grey_picture(), masks, options);
  EXPECT_EQ(changed_pixels(a, draw_overlay(grey_picture(), masks, options)), 0U);
}

TEST(Overlay, TinyPicturesCanBeDrawnOn) {
  for (const Size size : {Size{0, 0}, Size{1, 1}, Size{1, 7}, Size{3, 2}}) {
    Bitmap full{size, std::vector<std::uint8_t>(std::size_t(size.height) * size.width, 1)};
    const std::vector<MaskRecord> masks = {make_mask_record(rle_encode(full), 1.0F)};
    EXPECT_EQ(draw_overlay(grey_picture(size), masks, {.ids = true, .points = {{{0, 0}, 1}}}).size(), size);
  }
}

TEST(Overlay, MasksOrColoursThatDoNotFitAreABug) {
  const std::vector<MaskRecord> masks = {block({5, 5, 50, 50})};
  EXPECT_THROW((void)draw_overlay(grey_picture({10, 10}), masks), ContractError);
  EXPECT_THROW((void)draw_overlay(grey_picture(), masks, {.colours = {{1, 2, 3}, {4, 5, 6}}}), ContractError);
}

}  // namespace
}  // namespace facet::segment
