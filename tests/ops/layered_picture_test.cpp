#include "ops/layered_picture.h"

#include <algorithm>
#include <utility>

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

struct PictureCase {
  std::int64_t batch, tokens, heads, dim, blocks;
  std::size_t layers;
  std::int64_t vectors = 6;  // of the earlier layers
  float gain = 1.0F;
};

Tensor scaled(Tensor tensor, float gain) {
  for (float& value : tensor.data<float>()) value *= gain;
  return tensor;
}

Tensor positive(Tensor tensor) {
  for (float& value : tensor.data<float>()) value = 0.5F + 0.4F * value;
  return tensor;
}

// Random layers and a random projection of `width` values that sees them.
struct Picture {
  Picture(const PictureCase& c, std::int64_t width, int seed) {
    base = random_tensor({c.blocks, width, kPositionBlock}, seed);
    places = random_tensor({c.blocks, width, kPositionBlock}, seed + 1);
    bias = random_tensor({width}, seed + 2);
    for (std::size_t i = 0; i < c.layers; ++i) {
      const int own = int(100 * (i + 1));  // every projection of a case sees the same layers
      weights[i] = positive(random_tensor({c.batch, c.blocks, c.vectors, kPositionBlock}, own));
      scales[i] = positive(random_tensor({c.batch, c.blocks * kPositionBlock}, own + 1));
      folded[i] = random_tensor({c.batch, c.vectors, width}, seed + own + 2);
      constants[i] = random_tensor({width}, seed + own + 3);
      layers.push_back({weights[i], scales[i]});
    }
  }
  [[nodiscard]] PictureProjection projection(bool with_places = true) const {
    PictureProjection p{.base = base, .bias = bias};
    if (with_places) p.places = places;
    for (std::size_t i = 0; i < layers.size(); ++i) p.folded[i] = folded[i];
    if (layers.size() > 1) p.constant[1] = constants[1];
    return p;
  }
  Tensor base, places, bias;
  std::array<Tensor, kMostPictureLayers> weights, scales, folded, constants;
  std::vector<PictureLayer> layers;
};

std::string text(const PictureCase& c) {
  return std::to_string(c.tokens) + " tokens of " + std::to_string(c.heads) + " x " + std::to_string(c.dim) +
         ", layers " + std::to_string(c.layers);
}

Tensor narrowed(ConstTensorView x) {
  Tensor out(x.shape(), DType::BFloat16);
  std::ranges::transform(x.data<float>(), out.data<BFloat16>().begin(),
                         [](float value) { return BFloat16(value); });
  return out;
}

// Holds operations against the oracle; `narrow` ones see the base and places of projections in bfloat16.
class PictureComparison {
 public:
  PictureComparison(Context& backend, Context& oracle, bool narrow)
      : backend_(backend), oracle_(oracle), narrow_(narrow) {}

  void weigh(const PictureCase& c) {
    const Picture picture(c, c.heads * c.dim, 1);
    const Tensor keys = scaled(random_tensor({c.batch, c.tokens, c.heads * c.dim}, 50), c.gain);
    WeighTokensArgs args{.layers = picture.layers,
                         .queries = picture.projection(),
                         .keys = keys,
                         .heads = int(c.heads),
                         .scale = 0.25F};
    compare(c, Shape({c.batch, c.blocks, c.heads * c.tokens, kPositionBlock}), 2e-2,
            [&](Context& ctx, TensorView out, const auto& seen) {
              args.queries = seen(picture.projection());
              weigh_tokens(ctx, args, out);
            });
  }

  void length(const PictureCase& c, bool shared_start) {
    const std::int64_t vectors = c.heads * c.tokens;
    const Picture picture(c, c.heads * c.dim, 1);
    const Tensor start = random_tensor({shared_start ? 1 : c.batch, c.blocks * kPositionBlock}, 50);
    const Tensor weights = positive(random_tensor({c.batch, c.blocks, vectors, kPositionBlock}, 51));
    const Tensor values = random_tensor({c.batch, c.tokens, c.heads * c.dim}, 52);
    const Tensor gram = random_tensor({c.batch, vectors, c.heads * c.dim}, 53);
    SquaredLengthArgs args{.layers = picture.layers,
                           .rest = picture.projection(false),
                           .start = start,
                           .weights = weights,
                           .values = values,
                           .gram_folded = gram,
                           .heads = int(c.heads)};
    compare(c, Shape({c.batch, c.blocks * kPositionBlock}), 6e-3,
            [&](Context& ctx, TensorView out, const auto& seen) {
              args.rest = seen(picture.projection(false));
              squared_length(ctx, args, out);
            });
  }

  void lengths_of_odd_sizes() {
    length({1, 7, 8, 16, 4, 0}, true);
    length({2, 7, 8, 16, 1, 1, 56}, false);
    length({2, 1, 3, 5, 2, 1}, true);
    length({1, 17, 2, 4, 1, 2}, false);
  }

  void pool(const PictureCase& c) {
    const Picture keys(c, c.heads * c.dim, 1);
    const Picture values(c, c.heads * c.dim, 20);
    const Tensor queries = scaled(random_tensor({c.batch, c.tokens, c.heads * c.dim}, 50), c.gain);
    PoolPictureArgs args{.layers = keys.layers,
                         .keys = keys.projection(),
                         .values = values.projection(false),
                         .queries = queries,
                         .heads = int(c.heads),
                         .scale = 0.25F};
    compare(c, queries.shape(), 6e-3, [&](Context& ctx, TensorView out, const auto& seen) {
      args.keys = seen(keys.projection());
      args.values = seen(values.projection(false));
      pool_picture(ctx, args, out);
    });
  }

  void masks(const PictureCase& c, std::int64_t channels, std::int64_t depth, std::int64_t masks,
             std::int64_t blocks_a_line) {
    const Picture picture(c, 4 * channels, 1);
    const Tensor gamma = random_tensor({channels}, 50);
    const Tensor beta = random_tensor({channels}, 51);
    const Tensor weight = random_tensor({4 * depth, channels}, 52);
    const Tensor bias = random_tensor({4 * depth}, 53);
    const Tensor filters = random_tensor({c.batch, masks, depth}, 54);
    PictureMasksArgs args{.layers = picture.layers,
                          .features = picture.projection(),
                          .gamma = gamma,
                          .beta = beta,
                          .weight = weight,
                          .bias = bias,
                          .filters = filters};
    compare(c, Shape({c.batch, masks, 4 * c.blocks / blocks_a_line, 4 * blocks_a_line * kPositionBlock}),
            6e-3, [&](Context& ctx, TensorView out, const auto& seen) {
              args.features = seen(picture.projection());
              picture_masks(ctx, args, out);
            });
  }

 private:
  // run(ctx, out, seen), where seen(projection) is what the operation is to see of it
  template <class Run>
  void compare(const PictureCase& c, const Shape& shape, double narrow_error, const Run& run) {
    std::vector<Tensor> copies;
    const auto as_is = [](const PictureProjection& projection) { return projection; };
    const auto in_bfloat16 = [&](PictureProjection projection) {
      for (ConstTensorView* view : {&projection.base, &projection.places}) {
        if (view->empty()) continue;
        copies.push_back(narrowed(*view));
        *view = std::as_const(copies.back()).view();
      }
      return projection;
    };
    Tensor fast = Tensor::zeros(shape);
    Tensor slow = Tensor::zeros(shape);
    narrow_ ? run(backend_, fast, in_bfloat16) : run(backend_, fast, as_is);
    run(oracle_, slow, as_is);
    if (narrow_) {
      EXPECT_LE(testing::relative_l2_error(fast, slow), narrow_error) << text(c);
    } else {
      EXPECT_TENSOR_NEAR(fast, slow, c.gain > 1 ? 1e-4 : 1e-5) << text(c);
    }
  }

  Context& backend_;
  Context& oracle_;
  bool narrow_;
};

class LayeredPictureTest : public OpTest {
 protected:
  void compare_project(const PictureCase& c, std::int64_t width) {
    const Picture picture(c, width, 1);
    const ProjectPictureArgs args{.layers = picture.layers, .projection = picture.projection()};
    Tensor fast = Tensor::zeros({c.batch, c.blocks, width, kPositionBlock});
    Tensor slow = Tensor::zeros(fast.shape());
    project_picture(backend, args, fast);
    project_picture(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-5) << text(c);
  }

  void compare_fold(const PictureCase& c, std::int64_t width) {
    const Tensor tokens = random_tensor({c.batch, c.tokens, c.heads * c.dim}, 1);
    const Tensor matrix = random_tensor({c.heads * c.dim, width}, 2);
    Tensor fast = Tensor::zeros({c.batch, c.heads * c.tokens, width});
    Tensor slow = Tensor::zeros(fast.shape());
    fold_tokens(backend, tokens, matrix, int(c.heads), fast);
    fold_tokens(oracle, tokens, matrix, int(c.heads), slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-5) << text(c);
  }

  PictureComparison compare{backend, oracle, false};
};

TEST_P(LayeredPictureTest, ProjectionsMatchTheOracle) {
  compare_project({1, 1, 1, 1, 2, 0}, 1);
  compare_project({2, 1, 1, 1, 3, 1}, 7);
  compare_project({3, 1, 1, 1, 1, 2, 56}, 64);
}

TEST_P(LayeredPictureTest, FoldedTokensMatchTheOracle) {
  compare_fold({2, 7, 8, 16, 1, 0}, 128);
  compare_fold({1, 1, 3, 5, 1, 0}, 19);
  compare_fold({3, 17, 2, 4, 1, 0}, 1);
}

TEST_P(LayeredPictureTest, WeightsOfTokensMatchTheOracle) {
  compare.weigh({1, 7, 8, 16, 4, 0});
  compare.weigh({2, 7, 8, 16, 1, 1, 56});
  compare.weigh({2, 1, 3, 5, 2, 2});
  compare.weigh({1, 17, 2, 4, 1, 1});
  compare.weigh({1, 7, 8, 16, 1, 1, 56, 30.0F});
}

TEST_P(LayeredPictureTest, SquaredLengthsMatchTheOracle) { compare.lengths_of_odd_sizes(); }

TEST_P(LayeredPictureTest, PoolingMatchesTheOracle) {
  compare.pool({1, 7, 8, 16, 10, 0});
  compare.pool({2, 7, 2, 6, 9, 1, 14});
  compare.pool({2, 5, 3, 4, 8, 2, 15});
  compare.pool({1, 1, 3, 5, 2, 2});
  compare.pool({3, 17, 2, 4, 1, 1});
  compare.pool({1, 7, 2, 16, 17, 2, 14, 30.0F});
}

TEST_P(LayeredPictureTest, MasksMatchTheOracle) {
  compare.masks({1, 1, 1, 1, 2, 0}, 64, 32, 3, 1);
  compare.masks({2, 1, 1, 1, 2, 2, 14}, 64, 32, 1, 2);
  compare.masks({2, 1, 1, 1, 3, 1}, 7, 5, 4, 1);
}

TEST_P(LayeredPictureTest, BlocksOfPositionsMatchTheOracle) {
  const Tensor x = random_tensor({3 * kPositionBlock, 37}, 1);
  Tensor fast = Tensor::zeros({3, 21, kPositionBlock});
  Tensor slow = Tensor::zeros(fast.shape());
  to_position_blocks(backend, x, 9, fast);
  to_position_blocks(oracle, x, 9, slow);
  EXPECT_TENSOR_NEAR(fast, slow, 0);
}

TEST_P(LayeredPictureTest, RefusesLayersOfAnotherPicture) {
  const PictureCase c{1, 7, 8, 16, 4, 1};
  const Picture picture(c, 128, 1);
  const Picture larger({1, 7, 8, 16, 5, 1}, 128, 1);
  const Tensor keys = random_tensor({1, 7, 128}, 50);
  Tensor out = Tensor::zeros({1, 4, 56, kPositionBlock});
  const WeighTokensArgs args{
      .layers = larger.layers, .queries = picture.projection(), .keys = keys, .heads = 8};
  EXPECT_THROW(weigh_tokens(backend, args, out), ContractError);
}

FACET_INSTANTIATE_HOST_OP_TEST(LayeredPictureTest);

// Pictures kept in bfloat16, where this processor has kernels for them.
class NarrowPictureTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (cpu_kernels(Precision::Bf16)->for_pictures().precision() != Precision::Bf16) {
      GTEST_SKIP() << "this processor multiplies no tiles of bfloat16";
    }
  }

  Context backend{cpu_kernels(Precision::Bf16), ThreadTeam(GetParam())};
  Context oracle{reference_kernels(), ThreadTeam(1)};
  PictureComparison compare{backend, oracle, true};
};

TEST_P(NarrowPictureTest, WeightsOfTokensMatchTheOracle) {
  compare.weigh({1, 7, 8, 16, 4, 0});
  compare.weigh({2, 7, 8, 16, 1, 1, 56});
  compare.weigh({2, 1, 3, 5, 2, 2});
  compare.weigh({1, 17, 2, 4, 1, 1});
  compare.weigh({3, 16, 8, 16, 2, 2, 128});
}

TEST_P(NarrowPictureTest, SquaredLengthsMatchTheOracle) { compare.lengths_of_odd_sizes(); }

TEST_P(NarrowPictureTest, PoolingMatchesTheOracle) {
  compare.pool({1, 7, 8, 16, 10, 0});
  compare.pool({2, 7, 2, 16, 9, 1, 14});
  compare.pool({2, 5, 3, 32, 8, 2, 15});
  compare.pool({1, 1, 3, 16, 2, 2});
  compare.pool({3, 17, 2, 16, 1, 1, 49});
  compare.pool({2, 16, 8, 16, 17, 2, 128});
}

TEST_P(NarrowPictureTest, MasksMatchTheOracle) {
  compare.masks({1, 1, 1, 1, 2, 0}, 64, 32, 3, 1);
  compare.masks({2, 1, 1, 1, 2, 2, 56}, 64, 32, 1, 2);
  compare.masks({2, 1, 1, 1, 3, 1, 14}, 16, 5, 4, 1);
  compare.masks({1, 1, 1, 1, 1, 2, 33}, 48, 17, 5, 1);
}

TEST_P(NarrowPictureTest, BlocksOfPositionsAreRounded) {
  const Tensor x = random_tensor({3 * kPositionBlock, 37}, 1);
  Tensor narrow(Shape({3, 21, kPositionBlock}), DType::BFloat16);
  Tensor wide = Tensor::zeros(narrow.shape());
  to_position_blocks(backend, x, 9, narrow);
  to_position_blocks(backend, x, 9, wide);
  for (std::size_t i = 0; i < wide.data<float>().size(); ++i) {
    ASSERT_EQ(float(narrow.data<BFloat16>()[i]), float(BFloat16(wide.data<float>()[i]))) << i;
  }
}

TEST_P(NarrowPictureTest, RefusesHeadsThatAreNoSixteens) {
  EXPECT_THROW(compare.pool({2, 7, 2, 6, 9, 1, 14}), ContractError);
  EXPECT_THROW(compare.masks({2, 1, 1, 1, 3, 1}, 7, 5, 4, 1), ContractError);
}

// On processors that multiply no such tiles, of which an AMX one without them is one (ops.WithoutTiles).
TEST(NarrowPictures, AreRefusedWithoutTiles) {
  if (cpu_kernels(Precision::Bf16)->for_pictures().precision() == Precision::Bf16) {
    GTEST_SKIP() << "this processor multiplies tiles of bfloat16";
  }
  Context backend{cpu_kernels(Precision::Bf16), ThreadTeam(1)};
  Context oracle{reference_kernels(), ThreadTeam(1)};
  PictureComparison compare{backend, oracle, true};
  EXPECT_THROW(compare.weigh({1, 7, 8, 16, 4, 0}), ContractError);
  EXPECT_THROW(compare.length({1, 7, 8, 16, 4, 0}, true), ContractError);
  EXPECT_THROW(compare.pool({1, 7, 8, 16, 10, 0}), ContractError);
  EXPECT_THROW(compare.masks({1, 1, 1, 1, 2, 0}, 64, 32, 3, 1), ContractError);
}

INSTANTIATE_TEST_SUITE_P(Threads, NarrowPictureTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace facet::ops
