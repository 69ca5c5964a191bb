#include "ops/layered_picture.h"

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

  void compare_weigh(const PictureCase& c) {
    const Picture picture(c, c.heads * c.dim, 1);
    const Tensor keys = scaled(random_tensor({c.batch, c.tokens, c.heads * c.dim}, 50), c.gain);
    const WeighTokensArgs args{.layers = picture.layers,
                               .queries = picture.projection(),
                               .keys = keys,
                               .heads = int(c.heads),
                               .scale = 0.25F};
    Tensor fast = Tensor::zeros({c.batch, c.blocks, c.heads * c.tokens, kPositionBlock});
    Tensor slow = Tensor::zeros(fast.shape());
    weigh_tokens(backend, args, fast);
    weigh_tokens(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, c.gain > 1 ? 1e-4 : 1e-5) << text(c);
  }

  void compare_length(const PictureCase& c, bool shared_start) {
    const std::int64_t vectors = c.heads * c.tokens;
    const Picture picture(c, c.heads * c.dim, 1);
    const Tensor start = random_tensor({shared_start ? 1 : c.batch, c.blocks * kPositionBlock}, 50);
    const Tensor weights = positive(random_tensor({c.batch, c.blocks, vectors, kPositionBlock}, 51));
    const Tensor values = random_tensor({c.batch, c.tokens, c.heads * c.dim}, 52);
    const Tensor gram = random_tensor({c.batch, vectors, c.heads * c.dim}, 53);
    const SquaredLengthArgs args{.layers = picture.layers,
                                 .rest = picture.projection(false),
                                 .start = start,
                                 .weights = weights,
                                 .values = values,
                                 .gram_folded = gram,
                                 .heads = int(c.heads)};
    Tensor fast = Tensor::zeros({c.batch, c.blocks * kPositionBlock});
    Tensor slow = Tensor::zeros(fast.shape());
    squared_length(backend, args, fast);
    squared_length(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-5) << text(c);
  }

  void compare_pool(const PictureCase& c) {
    const Picture keys(c, c.heads * c.dim, 1);
    const Picture values(c, c.heads * c.dim, 20);
    const Tensor queries = scaled(random_tensor({c.batch, c.tokens, c.heads * c.dim}, 50), c.gain);
    const PoolPictureArgs args{.layers = keys.layers,
                               .keys = keys.projection(),
                               .values = values.projection(false),
                               .queries = queries,
                               .heads = int(c.heads),
                               .scale = 0.25F};
    Tensor fast = Tensor::zeros(queries.shape());
    Tensor slow = Tensor::zeros(queries.shape());
    pool_picture(backend, args, fast);
    pool_picture(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, c.gain > 1 ? 1e-4 : 1e-5) << text(c);
  }

  void compare_masks(const PictureCase& c, std::int64_t channels, std::int64_t depth, std::int64_t masks,
                     std::int64_t blocks_a_line) {
    const Picture picture(c, 4 * channels, 1);
    const Tensor gamma = random_tensor({channels}, 50);
    const Tensor beta = random_tensor({channels}, 51);
    const Tensor weight = random_tensor({4 * depth, channels}, 52);
    const Tensor bias = random_tensor({4 * depth}, 53);
    const Tensor filters = random_tensor({c.batch, masks, depth}, 54);
    const PictureMasksArgs args{.layers = picture.layers,
                                .features = picture.projection(),
                                .gamma = gamma,
                                .beta = beta,
                                .weight = weight,
                                .bias = bias,
                                .filters = filters};
    Tensor fast =
        Tensor::zeros({c.batch, masks, 4 * c.blocks / blocks_a_line, 4 * blocks_a_line * kPositionBlock});
    Tensor slow = Tensor::zeros(fast.shape());
    picture_masks(backend, args, fast);
    picture_masks(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-5) << text(c) << ", " << masks << " masks";
  }
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
  compare_weigh({1, 7, 8, 16, 4, 0});
  compare_weigh({2, 7, 8, 16, 1, 1, 56});
  compare_weigh({2, 1, 3, 5, 2, 2});
  compare_weigh({1, 17, 2, 4, 1, 1});
  compare_weigh({1, 7, 8, 16, 1, 1, 56, 30.0F});
}

TEST_P(LayeredPictureTest, SquaredLengthsMatchTheOracle) {
  compare_length({1, 7, 8, 16, 4, 0}, true);
  compare_length({2, 7, 8, 16, 1, 1, 56}, false);
  compare_length({2, 1, 3, 5, 2, 1}, true);
  compare_length({1, 17, 2, 4, 1, 2}, false);
}

TEST_P(LayeredPictureTest, PoolingMatchesTheOracle) {
  compare_pool({1, 7, 8, 16, 10, 0});
  compare_pool({2, 7, 2, 6, 9, 1, 14});
  compare_pool({2, 5, 3, 4, 8, 2, 15});
  compare_pool({1, 1, 3, 5, 2, 2});
  compare_pool({3, 17, 2, 4, 1, 1});
  compare_pool({1, 7, 2, 16, 17, 2, 14, 30.0F});
}

TEST_P(LayeredPictureTest, MasksMatchTheOracle) {
  compare_masks({1, 1, 1, 1, 2, 0}, 64, 32, 3, 1);
  compare_masks({2, 1, 1, 1, 2, 2, 14}, 64, 32, 1, 2);
  compare_masks({2, 1, 1, 1, 3, 1}, 7, 5, 4, 1);
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

}  // namespace
}  // namespace facet::ops
