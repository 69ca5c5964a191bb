#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "ops/attention.h"
#include "ops/float32_bridge.h"
#include "ops/kernels.h"
#include "ops/ref/reference_layered_picture.h"
#include "ops/ref/reference_subpixel_masks.h"
#include "ops/ref/reference_token_attention.h"

namespace facet::ops {
namespace {

double activated(Activation activation, double value) {
  switch (activation) {
    case Activation::None:
      return value;
    case Activation::Relu:
      return value > 0 ? value : 0;
    case Activation::Gelu:
      return 0.5 * value * (1.0 + std::erf(value * M_SQRT1_2));
    case Activation::Sigmoid:
      return 1.0 / (1.0 + std::exp(-value));
  }
  return value;
}

class ReferenceLinear : public PackedLinear {
 public:
  ReferenceLinear(ConstTensorView w, ConstTensorView b)
      : PackedLinear(w.shape()[1], w.shape()[0]),
        weight(Tensor::from(w.data<float>(), w.shape())),
        bias(b.empty() ? Tensor::zeros({w.shape()[0]}) : Tensor::from(b.data<float>(), b.shape())) {}
  Tensor weight;
  Tensor bias;
};

class ReferenceConv2d : public PackedConv2d {
 public:
  ReferenceConv2d(const Conv2dConfig& shape, ConstTensorView w, ConstTensorView b)
      : PackedConv2d(shape),
        weight(channels_last(w)),
        bias(b.empty() ? Tensor::zeros({shape.out}) : Tensor::from(b.data<float>(), b.shape())) {}
  Tensor weight;  // [out, kernel, kernel, in], in the order of the picture
  Tensor bias;

 private:
  static Tensor channels_last(ConstTensorView w) {
    const std::int64_t in = w.shape()[1];
    const std::int64_t taps = w.shape()[2] * w.shape()[3];
    Tensor out({w.shape()[0], w.shape()[2], w.shape()[3], in});
    const float* from = w.data<float>().data();
    float* to = out.data<float>().data();
    for (std::int64_t i = 0; i < w.shape().numel(); ++i)
      to[(i / (in * taps) * taps + i % taps) * in + i / taps % in] = from[i];
    return out;
  }
};

// softmax(scores) times the rows of v, into out[0..dim).
void weigh_values(std::vector<double>& scores, const std::vector<const float*>& values, int dim, float* out) {
  double most = scores[0];
  for (const double score : scores) most = std::max(most, score);
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - most);
  for (int d = 0; d < dim; ++d) {
    double total = 0;
    for (std::size_t j = 0; j < scores.size(); ++j) total += scores[j] * values[j][d];
    out[d] = static_cast<float>(total / sum);
  }
}

// Four sums side by side, or each addition would wait for the one before.
double dot(const float* a, const float* b, std::int64_t n) {
  double sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int k = 0; k < 4; ++k) sums[k] += double(a[i + k]) * double(b[i + k]);
  }
  for (; i < n; ++i) sums[0] += double(a[i]) * double(b[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

struct WindowBias {
  const WindowAttentionArgs& args;
  double operator()(const float* q, int head, int query, int key) const {
    const Size w = args.window;
    if (!args.bias.empty()) {
      const std::int64_t n = std::int64_t(w.height) * w.width;
      return args.bias.data<float>()[(head * n + query) * n + key];
    }
    if (args.relative_rows.empty()) return 0;
    const int row = query / w.width - key / w.width + w.height - 1;
    const int column = query % w.width - key % w.width + w.width - 1;
    return dot(q, args.relative_rows.data<float>().data() + std::int64_t(row) * args.dim, args.dim) +
           dot(q, args.relative_columns.data<float>().data() + std::int64_t(column) * args.dim, args.dim);
  }
};

class ReferenceKernels : public Kernels {
 public:
  [[nodiscard]] std::string_view name() const override { return "reference"; }
  [[nodiscard]] std::unique_ptr<KernelState> make_state() const override {
    return std::make_unique<KernelState>();
  }
  [[nodiscard]] std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return std::make_unique<ReferenceLinear>(weight, bias);
  }
  [[nodiscard]] std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config,
                                                                ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return std::make_unique<ReferenceConv2d>(config, weight, bias);
  }

  void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
              TensorView out) const override {
    const auto& packed = dynamic_cast<const ReferenceLinear&>(weights);
    const std::int64_t in = weights.in();
    const std::int64_t width = weights.out();
    const float* from = x.data<float>().data();
    const float* w = packed.weight.data<float>().data();
    float* to = out.data<float>().data();
    ctx.team().parallel_for(x.shape().numel() / in, [&](std::int64_t row, int) {
      for (std::int64_t column = 0; column < width; ++column) {
        float& cell = to[row * width + column];
        const double sum = dot(from + row * in, w + column * in, in) + packed.bias.data<float>()[column];
        cell = static_cast<float>(activated(options.activation, sum + (options.accumulate ? cell : 0)));
      }
    });
  }

  void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) const override {
    const auto& packed = dynamic_cast<const ReferenceConv2d&>(weights);
    const Shape& shape = out.shape();
    ctx.team().parallel_for(shape[0] * shape[1] * shape[2], [&](std::int64_t pixel, int) {
      for (std::int64_t c = 0; c < shape[3]; ++c) {
        const double sum = convolve_at(x, packed, pixel, c, shape);
        out.data<float>()[pixel * shape[3] + c] =
            static_cast<float>(activated(packed.config().activation, sum + packed.bias.data<float>()[c]));
      }
    });
  }

  void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                  Activation activation, TensorView out) const override {
    const std::int64_t channels = x.shape()[-1];
    ctx.team().parallel_for(x.shape().numel() / channels, [&](std::int64_t row, int) {
      const float* from = x.data<float>().data() + row * channels;
      float* to = out.data<float>().data() + row * channels;
      double mean = 0;
      for (std::int64_t c = 0; c < channels; ++c) mean += from[c];
      mean /= double(channels);
      double variance = 0;
      for (std::int64_t c = 0; c < channels; ++c) variance += (from[c] - mean) * (from[c] - mean);
      const double inverse = 1.0 / std::sqrt(variance / double(channels) + eps);
      for (std::int64_t c = 0; c < channels; ++c) {
        const double value = (from[c] - mean) * inverse * gamma.data<float>()[c] + beta.data<float>()[c];
        to[c] = static_cast<float>(activated(activation, value));
      }
    });
  }

  void attention(Context& ctx, const AttentionArgs& args, TensorView out) const override {
    ctx.team().parallel_for(args.batch * args.queries * args.heads, [&](std::int64_t item, int) {
      const std::int64_t head = item % args.heads;
      const std::int64_t query = item / args.heads % args.queries;
      const std::int64_t batch = item / args.heads / args.queries;
      std::vector<double> scores;
      std::vector<const float*> values;
      for (std::int64_t key = 0; key < args.keys; ++key) {
        scores.push_back(args.scale *
                         dot(args.q.row(batch, query, head), args.k.row(batch, key, head), args.dim));
        values.push_back(args.v.row(batch, key, head));
      }
      weigh_values(scores, values, args.out_dim(), out.data<float>().data() + item * args.out_dim());
    });
  }

  void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) const override {
    const int stride = args.query_stride;
    const std::int64_t tokens = std::int64_t(args.grid.height / stride) * (args.grid.width / stride);
    ctx.team().parallel_for(args.batch * tokens * args.heads, [&](std::int64_t item, int) {
      const int head = int(item % args.heads);
      const int token = int(item / args.heads % tokens);
      const std::int64_t batch = item / args.heads / tokens;
      attend_in_window(args, batch, token, head, out.data<float>().data() + item * args.dim);
    });
  }

  void pool_for_tokens(Context& /*ctx*/, const PoolForTokensArgs& args, TensorView out) const override {
    reference_pool_for_tokens(args, out);
  }
  void spread_tokens(Context& /*ctx*/, const SpreadTokensArgs& args, TensorView out) const override {
    reference_spread_tokens(args, out);
  }
  void subpixel_masks(Context& /*ctx*/, const SubpixelMasksArgs& args, TensorView out) const override {
    reference_subpixel_masks(args, out);
  }
  void project_picture(Context& /*ctx*/, const ProjectPictureArgs& args, TensorView out) const override {
    reference_project_picture(args, out);
  }
  void fold_tokens(Context& /*ctx*/, ConstTensorView tokens, ConstTensorView matrix, int heads,
                   TensorView out) const override {
    reference_fold_tokens(tokens, matrix, heads, out);
  }
  void weigh_tokens(Context& /*ctx*/, const WeighTokensArgs& args, TensorView out) const override {
    reference_weigh_tokens(args, out);
  }
  void squared_length(Context& /*ctx*/, const SquaredLengthArgs& args, TensorView out) const override {
    reference_squared_length(args, out);
  }
  void pool_picture(Context& /*ctx*/, const PoolPictureArgs& args, TensorView out) const override {
    reference_pool_picture(args, out);
  }
  void picture_masks(Context& /*ctx*/, const PictureMasksArgs& args, TensorView out) const override {
    reference_picture_masks(args, out);
  }
  void to_position_blocks(Context& /*ctx*/, ConstTensorView x, std::int64_t first,
                          TensorView out) const override {
    reference_to_position_blocks(x, first, out);
  }
  void convert(Context& /*ctx*/, ConstTensorView x, TensorView out) const override {
    const auto value_at = [&](std::int64_t i) {
      return x.dtype() == DType::BFloat16 ? float(x.data<BFloat16>()[i]) : x.data<float>()[i];
    };
    for (std::int64_t i = 0; i < out.shape().numel(); ++i) {
      if (out.dtype() == DType::BFloat16) {
        out.data<BFloat16>()[i] = BFloat16(value_at(i));
      } else {
        out.data<float>()[i] = value_at(i);
      }
    }
  }

  void add(Context& /*ctx*/, ConstTensorView a, ConstTensorView b, TensorView out) const override {
    const auto right = b.data<float>();
    for (std::size_t i = 0; i < out.data<float>().size(); ++i) {
      out.data<float>()[i] = a.data<float>()[i] + right[i % right.size()];
    }
  }

  void space_to_depth(Context& /*ctx*/, ConstTensorView x, int block, TensorView out) const override {
    const Shape& in = x.shape();
    const Shape& shape = out.shape();
    for (std::int64_t i = 0; i < in.numel(); ++i) {
      const std::int64_t c = i % in[3];
      const std::int64_t column = i / in[3] % in[2];
      const std::int64_t row = i / in[3] / in[2];  // over all batches
      const std::int64_t channel = (row % block * block + column % block) * in[3] + c;
      out.data<float>()[(row / block * shape[2] + column / block) * shape[3] + channel] = x.data<float>()[i];
    }
  }

  void activate(Context& /*ctx*/, Activation activation, TensorView x) const override {
    for (float& value : x.data<float>()) value = static_cast<float>(activated(activation, value));
  }

  void signed_mask(Context& /*ctx*/, bool binary, TensorView x) const override {
    for (float& value : x.data<float>()) {
      const double share = binary ? (value > 0 ? 1.0 : 0.0) : activated(Activation::Sigmoid, value);
      value = static_cast<float>(20.0 * share - 10.0);
    }
  }

  void max_pool2(Context& /*ctx*/, ConstTensorView x, TensorView out) const override {
    const Shape& shape = out.shape();
    const auto at = [&](std::int64_t row, std::int64_t column, std::int64_t c) {
      return x.data<float>()[(row * x.shape()[2] + column) * shape[3] + c];
    };
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const std::int64_t c = i % shape[3];
      const std::int64_t column = i / shape[3] % shape[2] * 2;
      const std::int64_t row = i / shape[3] / shape[2] * 2;  // over all batches
      out.data<float>()[i] = std::max(
          {at(row, column, c), at(row, column + 1, c), at(row + 1, column, c), at(row + 1, column + 1, c)});
    }
  }

  void rotate_positions(Context& /*ctx*/, ConstTensorView angles, TensorView x) const override {
    const auto table = angles.data<float>();
    const auto values = x.data<float>();
    for (std::size_t pair = 0; 2 * pair < values.size(); ++pair) {
      const double cosine = table[2 * pair % table.size()];
      const double sine = table[(2 * pair + 1) % table.size()];
      const double re = values[2 * pair];
      const double im = values[2 * pair + 1];
      values[2 * pair] = static_cast<float>(re * cosine - im * sine);
      values[2 * pair + 1] = static_cast<float>(re * sine + im * cosine);
    }
  }

  void add_upsampled2(Context& /*ctx*/, ConstTensorView x, TensorView out) const override {
    const Shape& shape = out.shape();
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const std::int64_t column = i / shape[3] % shape[2];
      const std::int64_t row = i / shape[3] / shape[2];  // over all batches
      out.data<float>()[i] +=
          x.data<float>()[(row / 2 * x.shape()[2] + column / 2) * shape[3] + i % shape[3]];
    }
  }

  void resize_bilinear(Context& /*ctx*/, ConstTensorView x, TensorView out) const override {
    const Shape& in = x.shape();
    const Shape& shape = out.shape();
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const std::int64_t c = i % shape[3];
      const std::int64_t b = i / shape[3] / shape[2] / shape[1];
      const auto [y, fy] = source_of(i / shape[3] / shape[2] % shape[1], in[1], shape[1]);
      const auto [column, fx] = source_of(i / shape[3] % shape[2], in[2], shape[2]);
      double sum = 0;
      for (int dy = 0; dy < 2; ++dy) {
        for (int dx = 0; dx < 2; ++dx) {
          const std::int64_t sy = std::min(y + dy, in[1] - 1);
          const std::int64_t sx = std::min(column + dx, in[2] - 1);
          const double weight = (dy == 1 ? fy : 1 - fy) * (dx == 1 ? fx : 1 - fx);
          sum += weight * x.data<float>()[((b * in[1] + sy) * in[2] + sx) * in[3] + c];
        }
      }
      out.data<float>()[i] = static_cast<float>(sum);
    }
  }

 private:
  // The first of the two inputs of an output position, and the share of the second.
  static std::pair<std::int64_t, double> source_of(std::int64_t position, std::int64_t in, std::int64_t out) {
    const double at = std::max(0.0, (double(position) + 0.5) * double(in) / double(out) - 0.5);
    return {std::int64_t(at), at - std::floor(at)};
  }

  static double convolve_at(ConstTensorView x, const ReferenceConv2d& packed, std::int64_t pixel,
                            std::int64_t c, const Shape& out) {
    const Conv2dConfig& config = packed.config();
    const Shape& in = x.shape();
    const std::int64_t b = pixel / (out[1] * out[2]);
    const std::int64_t y0 = pixel / out[2] % out[1] * config.stride - config.padding;
    const std::int64_t x0 = pixel % out[2] * config.stride - config.padding;
    const std::int64_t inputs = config.depthwise ? 1 : config.in;
    const float* values = x.data<float>().data() + (config.depthwise ? c : 0);
    const float* weights = packed.weight.data<float>().data() + c * config.kernel * config.kernel * inputs;
    double sum = 0;
    for (int ky = 0; ky < config.kernel; ++ky) {
      for (int kx = 0; kx < config.kernel; ++kx) {
        if (y0 + ky < 0 || y0 + ky >= in[1] || x0 + kx < 0 || x0 + kx >= in[2]) continue;
        sum += dot(values + ((b * in[1] + y0 + ky) * in[2] + x0 + kx) * in[3],
                   weights + (ky * config.kernel + kx) * inputs, inputs);
      }
    }
    return sum;
  }

  static void attend_in_window(const WindowAttentionArgs& args, std::int64_t batch, int token, int head,
                               float* out) {
    const Size w = args.window;
    const int y = token / (args.grid.width / args.query_stride) * args.query_stride;
    const int x = token % (args.grid.width / args.query_stride) * args.query_stride;
    const int top = y / w.height * w.height;
    const int left = x / w.width * w.width;
    const float* q = args.q.row(batch, token, head);
    const float* padding = args.padding_row.empty() ? nullptr : args.padding_row.data<float>().data();
    std::vector<double> scores;
    std::vector<const float*> values;
    for (int key = 0; key < w.height * w.width; ++key) {
      const int ky = top + key / w.width;
      const int kx = left + key % w.width;
      const bool inside = ky < args.grid.height && kx < args.grid.width;
      const std::int64_t at = std::int64_t(ky) * args.grid.width + kx;
      const float* k =
          inside ? args.k.row(batch, at, head) : padding + args.k.offset + head * args.k.head_stride;
      values.push_back(inside ? args.v.row(batch, at, head)
                              : padding + args.v.offset + head * args.v.head_stride);
      const int query = (y - top) * w.width + (x - left);
      scores.push_back(args.scale * dot(q, k, args.dim) + WindowBias{args}(q, head, query, key));
    }
    weigh_values(scores, values, args.dim, out);
  }
};

}  // namespace

KernelsPtr reference_kernels() {
  static const KernelsPtr kernels = std::make_shared<const Float32Bridge<ReferenceKernels>>();
  return kernels;
}

}  // namespace facet::ops
