#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <optional>

#include "ops/cuda/cuda_kernels.h"
#include "ops/transfer.h"
#include "segment/mask_upsampling.h"
#include "support/cuda_device.h"
#include "support/tensors.h"

namespace facet::segment {
namespace {

/// Masks that a device makes are those of the host, bit for bit.
class MaskRunsOnDevice : public ::testing::Test {
 protected:
  static constexpr int kLowRes = 24;
  static constexpr int kSquare = 96;

  // Sums of a few waves: areas with holes, as masks have.
  static Tensor smooth_logits(std::int64_t masks, std::uint64_t seed) {
    const Tensor waves = testing::random_tensor({masks, 4, 4}, seed);
    Tensor out(Shape({masks, kLowRes, kLowRes}));
    for (std::int64_t m = 0; m < masks; ++m) {
      for (int y = 0; y < kLowRes; ++y) {
        for (int x = 0; x < kLowRes; ++x) {
          float sum = 0;
          for (int wave = 0; wave < 4; ++wave) {
            const float* w = waves.data<float>().data() + (m * 4 + wave) * 4;
            sum += 2 * w[0] * std::sin(0.6F * w[1] * float(x) + 0.6F * w[2] * float(y) + 3 * w[3]);
          }
          out.data<float>()[(m * kLowRes + y) * kLowRes + x] = sum;
        }
      }
    }
    return out;
  }

  void SetUp() override {
    FACET_REQUIRE_CUDA_DEVICE();
    ctx_.emplace(ops::cuda_kernels(0, Precision::Fp32).value(), ThreadTeam(2));
  }

  [[nodiscard]] std::vector<MaskUpsampler::Mask> on_device(const MaskUpsampler& upsampler,
                                                           const Tensor& logits,
                                                           std::span<const std::int64_t> wanted,
                                                           const MaskUpsampler::Options& options) {
    std::vector<MaskUpsampler::Mask> out(wanted.size());
    upsampler.masks(*ctx_, ops::OnDevice(*ctx_, logits).view(), wanted, options,
                    [&](std::size_t i, MaskUpsampler::Mask mask) { out[i] = std::move(mask); });
    return out;
  }

  void expect_as_on_host(const Placement& placement, const Tensor& logits, MaskUpsampler::Options options) {
    const MaskUpsampler upsampler(placement, kLowRes, kSquare);
    if (options.canvas == Size()) options.canvas = upsampler.size();
    std::vector<std::int64_t> wanted(logits.shape()[0]);
    std::iota(wanted.rbegin(), wanted.rend(), 0);
    const std::vector<MaskUpsampler::Mask> masks = on_device(upsampler, logits, wanted, options);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto own = logits.data<float>().subspan(wanted[i] * kLowRes * kLowRes, kLowRes * kLowRes);
      expect_same(masks[i], upsampler.mask(own, options));
    }
  }

  static void expect_same(const MaskUpsampler::Mask& mask, const MaskUpsampler::Mask& expected) {
    EXPECT_EQ(mask.rle, expected.rle);
    EXPECT_EQ(mask.area, expected.area);
    EXPECT_EQ(mask.area, rle_area(mask.rle));
    EXPECT_EQ(mask.box, expected.box);
    EXPECT_EQ(mask.box, rle_bbox(mask.rle));
    EXPECT_EQ(mask.stability_score, expected.stability_score);
    EXPECT_EQ(std::accumulate(mask.rle.counts.begin(), mask.rle.counts.end(), std::int64_t(0)),
              std::int64_t(mask.rle.size.height) * mask.rle.size.width);
  }

  static std::vector<Placement> placements() {
    std::vector<Placement> out;
    for (const Size size :
         {Size{96, 96}, Size{299, 701}, Size{701, 299}, Size{31, 1}, Size{33, 65}, Size{7, 5}}) {
      const int longer = std::max(size.height, size.width);
      const auto fitted = [&](int side) { return std::max(1, side * kSquare / longer); };
      out.push_back({size, {fitted(size.height), fitted(size.width)}, false});
      out.push_back({size, {kSquare, kSquare}, true});
    }
    out.push_back({{1, 700}, {kSquare, kSquare}, true});
    out.push_back({{700, 1}, {kSquare, kSquare}, true});
    return out;
  }

  std::optional<ops::Context> ctx_;
};

TEST_F(MaskRunsOnDevice, AreThoseOfTheHostForPicturesOfAllShapes) {
  for (const Placement& placement : placements()) {
    SCOPED_TRACE(std::to_string(placement.original.height) + " x " +
                 std::to_string(placement.original.width));
    expect_as_on_host(placement, smooth_logits(3, 5), {});
    expect_as_on_host(placement, smooth_logits(2, 6), {.threshold = 0.3F, .stability_offset = 0.5F});
    expect_as_on_host(placement, smooth_logits(2, 7), {.threshold = -0.2F, .stability_offset = 0});
  }
}

TEST_F(MaskRunsOnDevice, AreThoseOfTheHostForNoise) {
  const Tensor noise = testing::random_tensor({3, kLowRes, kLowRes}, 11);
  for (const Placement& placement : placements())
    expect_as_on_host(placement, noise, {.stability_offset = 0.1F});
}

TEST_F(MaskRunsOnDevice, OfCropsLieWhereTheseWereCut) {
  for (const Size size : {Size{64, 33}, Size{63, 32}, Size{96, 7}}) {
    const Placement placement{size, {kSquare, kSquare}, true};
    for (const int below : {0, 1, 40}) {
      for (const int beside : {0, 1, 9}) {
        for (const int top : {0, 3}) {
          for (const int left : {0, 5}) {
            SCOPED_TRACE(::testing::Message() << below << " " << beside << " " << top << " " << left);
            Tensor logits = smooth_logits(3, 8);
            // All ones: the last run ends at the crop's corner.
            for (float& value : logits.data<float>().first(kLowRes * kLowRes)) value = 4;
            expect_as_on_host(placement, logits,
                              {.canvas = {size.height + top + below, size.width + left + beside},
                               .left = left,
                               .top = top});
          }
        }
      }
    }
  }
}

TEST_F(MaskRunsOnDevice, OfNothingAndEverythingAreOneOrTwo) {
  Tensor logits(Shape({2, kLowRes, kLowRes}));
  std::ranges::fill(logits.data<float>().first(kLowRes * kLowRes), -5.0F);
  std::ranges::fill(logits.data<float>().subspan(kLowRes * kLowRes), 5.0F);
  const MaskUpsampler upsampler({{75, 101}, {kSquare, kSquare}, true}, kLowRes, kSquare);
  const std::int64_t both[] = {0, 1};
  const auto masks = on_device(upsampler, logits, both, {.canvas = upsampler.size()});
  EXPECT_EQ(masks[0].rle.counts, std::vector<std::uint32_t>({75 * 101}));
  EXPECT_EQ(masks[0].box, BoxXywh());
  EXPECT_EQ(masks[1].rle.counts, std::vector<std::uint32_t>({0, 75 * 101}));
  EXPECT_EQ(masks[1].box, (BoxXywh{0, 0, 101, 75}));
  EXPECT_EQ(masks[1].area, 75 * 101);
}

TEST_F(MaskRunsOnDevice, AreMadeOfTheWantedAlone) {
  const Tensor logits = smooth_logits(5, 9);
  const MaskUpsampler upsampler({{50, 40}, {kSquare, kSquare}, true}, kLowRes, kSquare);
  const MaskUpsampler::Options options{.canvas = upsampler.size()};
  EXPECT_TRUE(on_device(upsampler, logits, {}, options).empty());
  const std::int64_t twice[] = {4, 1, 4};
  const auto masks = on_device(upsampler, logits, twice, options);
  for (int i = 0; i < 3; ++i) {
    const auto own = logits.data<float>().subspan(twice[i] * kLowRes * kLowRes, kLowRes * kLowRes);
    expect_same(masks[i], upsampler.mask(own, options));
  }
  const std::int64_t beyond[] = {5};
  EXPECT_THROW(static_cast<void>(on_device(upsampler, logits, beyond, options)), ContractError);
}

TEST_F(MaskRunsOnDevice, AreTheSameInGroups) {
  const Tensor logits = smooth_logits(5, 10);
  const ops::OnDevice placed(*ctx_, logits);
  std::vector<ops::ThreeTaps> taps(90);
  for (int i = 0; i < 90; ++i) taps[i] = {.first = i / 5, .weights = {0.25F, 0.25F, 0.5F}};
  const std::int64_t all[] = {0, 1, 2, 3, 4};
  ops::MaskRunsArgs args{
      .logits = placed.view(), .wanted = all, .rows = taps, .columns = taps, .canvas = {90, 90}};
  const std::vector<ops::MaskRuns> together = ops::mask_runs(*ctx_, args);
  for (const std::int64_t scratch_bytes : {1, 3000}) {  // one, then two of 90 * 3 words
    args.scratch_bytes = scratch_bytes;
    const std::vector<ops::MaskRuns> grouped = ops::mask_runs(*ctx_, args);
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(grouped[i].counts, together[i].counts);
      EXPECT_EQ(grouped[i].area, together[i].area);
    }
  }
}

TEST(MaskRuns, AreNotForTheHost) {
  ops::Context ctx(ops::cpu_kernels(), ThreadTeam(1));
  const Tensor logits = testing::random_tensor({1, 3, 3}, 1);
  const std::int64_t first[] = {0};
  const ops::ThreeTaps tap{.first = 0, .weights = {1, 0, 0}};
  EXPECT_THROW(
      static_cast<void>(ops::mask_runs(
          ctx,
          {.logits = logits, .wanted = first, .rows = {&tap, 1}, .columns = {&tap, 1}, .canvas = {1, 1}})),
      StatusError);
}

}  // namespace
}  // namespace facet::segment
