#include "ops/ref/reference_layered_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/ref/reference_subpixel_masks.h"

namespace facet::ops {
namespace {

using Values = std::vector<double>;

// Element [block of n, row, place of n] of blocks with `rows` rows.
double in_block(ConstTensorView blocks, std::int64_t batch, std::int64_t row, std::int64_t n) {
  const Shape& shape = blocks.shape();
  const std::int64_t count = shape[-3];
  const std::int64_t at = (batch * count + n / kPositionBlock) * shape[-2] + row;
  return blocks.data<float>()[at * kPositionBlock + n % kPositionBlock];
}

// u += the block's row of weights at one position x vectors
void add_vectors(ConstTensorView weights, ConstTensorView vectors, std::int64_t b, std::int64_t n,
                 Values& u) {
  const std::int64_t count = vectors.shape()[1];
  const float* row = vectors.data<float>().data() + b * count * std::int64_t(u.size());
  for (std::int64_t r = 0; r < count; ++r, row += u.size()) {
    const double weight = in_block(weights, b, r, n);
    for (std::size_t d = 0; d < u.size(); ++d) u[d] += weight * double(row[d]);
  }
}

void add_layer(const PictureLayer& layer, ConstTensorView folded, ConstTensorView constant, std::int64_t b,
               std::int64_t n, Values& u) {
  add_vectors(layer.weights, folded, b, n, u);
  for (std::size_t d = 0; !constant.empty() && d < u.size(); ++d) u[d] += constant.data<float>()[d];
  const double scale = layer.scale.data<float>()[b * layer.scale.shape()[1] + n];
  for (double& value : u) value *= scale;
}

// All values of one position.
Values project(PictureLayers layers, const PictureProjection& p, std::int64_t b, std::int64_t n) {
  Values u(p.base.shape()[1]);
  for (std::size_t d = 0; d < u.size(); ++d) u[d] = in_block(p.base, 0, d, n);
  for (std::size_t i = 0; i < layers.size(); ++i) add_layer(layers[i], p.folded[i], p.constant[i], b, n, u);
  for (std::size_t d = 0; !p.places.empty() && d < u.size(); ++d) u[d] += in_block(p.places, 0, d, n);
  for (std::size_t d = 0; !p.bias.empty() && d < u.size(); ++d) u[d] += p.bias.data<float>()[d];
  return u;
}

std::int64_t positions_of(const PictureProjection& projection) {
  return projection.base.shape()[0] * kPositionBlock;
}

// tokens[b, t, head] . values[head]
double product(ConstTensorView tokens, std::int64_t b, std::int64_t t, std::int64_t head, int heads,
               const Values& values) {
  const std::int64_t inner = tokens.shape()[2];
  const std::int64_t dim = inner / heads;
  double sum = 0;
  for (std::int64_t d = head * dim; d < (head + 1) * dim; ++d) {
    sum += values[d] * tokens.data<float>()[(b * tokens.shape()[1] + t) * inner + d];
  }
  return sum;
}

void softmax(Values& scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - most);
  for (double& score : scores) score /= total;
}

}  // namespace

void reference_project_picture(const ProjectPictureArgs& args, TensorView out) {
  const std::int64_t width = out.shape()[2];
  const std::int64_t positions = out.shape()[1] * kPositionBlock;
  for (std::int64_t b = 0; b < out.shape()[0]; ++b) {
    for (std::int64_t n = 0; n < positions; ++n) {
      const Values values = project(args.layers, args.projection, b, n);
      for (std::int64_t d = 0; d < width; ++d) {
        const std::int64_t row = (b * out.shape()[1] + n / kPositionBlock) * width + d;
        out.data<float>()[row * kPositionBlock + n % kPositionBlock] = static_cast<float>(values[d]);
      }
    }
  }
}

void reference_fold_tokens(ConstTensorView tokens, ConstTensorView matrix, int heads, TensorView out) {
  const std::int64_t count = tokens.shape()[1];
  const std::int64_t width = matrix.shape()[1];
  for (std::int64_t row = 0; row < out.shape()[0] * out.shape()[1]; ++row) {
    const std::int64_t b = row / out.shape()[1];
    const std::int64_t head = row % out.shape()[1] / count;
    for (std::int64_t d = 0; d < width; ++d) {
      Values column(matrix.shape()[0]);
      for (std::size_t i = 0; i < column.size(); ++i) column[i] = matrix.data<float>()[i * width + d];
      out.data<float>()[row * width + d] =
          static_cast<float>(product(tokens, b, row % count, head, heads, column));
    }
  }
}

void reference_weigh_tokens(const WeighTokensArgs& args, TensorView out) {
  const std::int64_t tokens = args.keys.shape()[1];
  for (std::int64_t b = 0; b < out.shape()[0]; ++b) {
    for (std::int64_t n = 0; n < positions_of(args.queries); ++n) {
      const Values query = project(args.layers, args.queries, b, n);
      for (std::int64_t head = 0; head < args.heads; ++head) {
        Values scores(tokens);
        for (std::int64_t t = 0; t < tokens; ++t) {
          scores[t] = double(args.scale) * product(args.keys, b, t, head, args.heads, query);
        }
        softmax(scores);
        for (std::int64_t t = 0; t < tokens; ++t) {
          const std::int64_t row =
              (b * out.shape()[1] + n / kPositionBlock) * out.shape()[2] + head * tokens + t;
          out.data<float>()[row * kPositionBlock + n % kPositionBlock] = static_cast<float>(scores[t]);
        }
      }
    }
  }
}

void reference_squared_length(const SquaredLengthArgs& args, TensorView out) {
  const std::int64_t tokens = args.values.shape()[1];
  const std::int64_t vectors = tokens * args.heads;
  const std::int64_t positions = out.shape()[1];
  for (std::int64_t b = 0; b < out.shape()[0]; ++b) {
    for (std::int64_t n = 0; n < positions; ++n) {
      Values sum = project(args.layers, args.rest, b, n);
      for (double& value : sum) value *= 2;
      add_vectors(args.weights, args.gram_folded, b, n, sum);
      double length = args.start.data<float>()[(args.start.shape()[0] == 1 ? 0 : b) * positions + n];
      for (std::int64_t r = 0; r < vectors; ++r) {
        length += in_block(args.weights, b, r, n) *
                  product(args.values, b, r % tokens, r / tokens, args.heads, sum);
      }
      out.data<float>()[b * positions + n] = static_cast<float>(length);
    }
  }
}

void reference_pool_picture(const PoolPictureArgs& args, TensorView out) {
  const std::int64_t tokens = args.queries.shape()[1];
  const std::int64_t inner = args.queries.shape()[2];
  const std::int64_t dim = inner / args.heads;
  const std::int64_t positions = positions_of(args.keys);
  for (std::int64_t b = 0; b < out.shape()[0]; ++b) {
    std::vector<Values> keys, values;
    for (std::int64_t n = 0; n < positions; ++n) {
      keys.push_back(project(args.layers, args.keys, b, n));
      values.push_back(project(args.layers, args.values, b, n));
    }
    for (std::int64_t item = 0; item < tokens * args.heads; ++item) {
      const std::int64_t t = item / args.heads;
      const std::int64_t head = item % args.heads;
      Values scores(positions);
      for (std::int64_t n = 0; n < positions; ++n) {
        scores[n] = double(args.scale) * product(args.queries, b, t, head, args.heads, keys[n]);
      }
      softmax(scores);
      for (std::int64_t d = head * dim; d < (head + 1) * dim; ++d) {
        double sum = 0;
        for (std::int64_t n = 0; n < positions; ++n) sum += scores[n] * values[n][d];
        out.data<float>()[(b * tokens + t) * inner + d] = static_cast<float>(sum);
      }
    }
  }
}

void reference_picture_masks(const PictureMasksArgs& args, TensorView out) {
  const std::int64_t batch = args.filters.shape()[0];
  const std::int64_t positions = positions_of(args.features);
  const std::int64_t width = args.features.base.shape()[1];
  Tensor x(Shape({batch, positions * 4, width / 4}));
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t n = 0; n < positions; ++n) {
      const Values values = project(args.layers, args.features, b, n);
      std::copy(values.begin(), values.end(), x.data<float>().begin() + (b * positions + n) * width);
    }
  }
  reference_subpixel_masks({.x = x,
                            .gamma = args.gamma,
                            .beta = args.beta,
                            .eps = args.eps,
                            .weight = args.weight,
                            .bias = args.bias,
                            .skip = {},
                            .filters = args.filters},
                           out);
}

void reference_to_position_blocks(ConstTensorView x, std::int64_t first, TensorView out) {
  const std::int64_t width = out.shape()[1];
  for (std::int64_t n = 0; n < x.shape()[0]; ++n) {
    for (std::int64_t d = 0; d < width; ++d) {
      out.data<float>()[(n / kPositionBlock * width + d) * kPositionBlock + n % kPositionBlock] =
          x.data<float>()[n * x.shape()[1] + first + d];
    }
  }
}

}  // namespace facet::ops
