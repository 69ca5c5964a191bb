#include "ops/ref/reference_token_attention.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace facet::ops {
namespace {

using Row = std::vector<double>;

Row row_of(ConstTensorView tensor, std::int64_t batch, std::int64_t index) {
  const std::int64_t rows = tensor.shape()[-2];
  const std::int64_t width = tensor.shape()[-1];
  const bool shared = tensor.shape().rank() == 2 || tensor.shape()[0] == 1;
  const auto values = tensor.data<float>().subspan(((shared ? 0 : batch) * rows + index) * width, width);
  return {values.begin(), values.end()};
}

Row sum(Row a, const Row& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

// weight [inner, C] times row [C]
Row project(ConstTensorView weight, const Row& row) {
  Row out;
  const float* weights = weight.data<float>().data();
  for (std::int64_t o = 0; o < weight.shape()[0]; ++o, weights += row.size()) {
    out.push_back(std::inner_product(row.begin(), row.end(), weights, 0.0));
  }
  return out;
}

Row with_bias(Row row, ConstTensorView bias) {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += bias.data<float>()[i];
  return row;
}

// softmax(scale * query . keys) values, head by head
Row attend(const Row& query, const std::vector<Row>& keys, const std::vector<Row>& values, int heads,
           double scale) {
  const std::size_t dim = query.size() / heads;
  Row out(query.size(), 0.0);
  for (std::size_t begin = 0; begin < query.size(); begin += dim) {
    Row scores;
    for (const Row& key : keys) {
      double score = 0;
      for (std::size_t d = begin; d < begin + dim; ++d) score += query[d] * key[d];
      scores.push_back(scale * score);
    }
    const double most = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (double& score : scores) total += score = std::exp(score - most);
    for (std::size_t j = 0; j < keys.size(); ++j) {
      for (std::size_t d = begin; d < begin + dim; ++d) out[d] += scores[j] / total * values[j][d];
    }
  }
  return out;
}

void store(const Row& row, TensorView out, std::int64_t index) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    out.data<float>()[index * std::int64_t(row.size()) + std::int64_t(i)] = static_cast<float>(row[i]);
  }
}

Row normalized(Row row, ConstTensorView gamma, ConstTensorView beta, double eps) {
  double mean = 0;
  for (const double value : row) mean += value / double(row.size());
  double variance = 0;
  for (const double value : row) variance += (value - mean) * (value - mean) / double(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = (row[i] - mean) / std::sqrt(variance + eps) * gamma.data<float>()[i] + beta.data<float>()[i];
  }
  return row;
}

}  // namespace

void reference_pool_for_tokens(const PoolForTokensArgs& args, TensorView out) {
  const std::int64_t tokens = args.queries.shape()[1];
  for (std::int64_t b = 0; b < args.queries.shape()[0]; ++b) {
    std::vector<Row> keys;
    std::vector<Row> values;
    for (std::int64_t n = 0; n < args.image.shape()[1]; ++n) {
      const Row x = row_of(args.image, b, n);
      keys.push_back(project(args.key_weight, sum(x, row_of(args.positions, 0, n))));
      values.push_back(with_bias(project(args.value_weight, x), args.value_bias));
    }
    for (std::int64_t t = 0; t < tokens; ++t) {
      store(attend(row_of(args.queries, b, t), keys, values, args.heads, args.scale), out, b * tokens + t);
    }
  }
}

void reference_spread_tokens(const SpreadTokensArgs& args, TensorView out) {
  const std::int64_t positions = args.image.shape()[1];
  const std::int64_t channels = args.image.shape()[2];
  for (std::int64_t b = 0; b < args.keys.shape()[0]; ++b) {
    std::vector<Row> keys;
    std::vector<Row> values;
    for (std::int64_t t = 0; t < args.keys.shape()[1]; ++t) {
      keys.push_back(row_of(args.keys, b, t));
      values.push_back(row_of(args.values, b, t));
    }
    for (std::int64_t n = 0; n < positions; ++n) {
      const Row x = row_of(args.image, b, n);
      const Row query =
          with_bias(project(args.query_weight, sum(x, row_of(args.positions, 0, n))), args.query_bias);
      const Row attended = attend(query, keys, values, args.heads, args.scale);
      Row mixed = with_bias(x, args.out_bias);
      for (std::size_t d = 0; d < attended.size(); ++d) {
        const auto weight = args.out_weight.data<float>().subspan(d * channels, channels);
        for (std::int64_t c = 0; c < channels; ++c) mixed[c] += attended[d] * weight[c];
      }
      store(normalized(std::move(mixed), args.gamma, args.beta, args.eps), out, b * positions + n);
    }
  }
}

}  // namespace facet::ops
