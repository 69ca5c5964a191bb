#include "nn/conv_norm.h"

#include <cmath>

#include "core/check.h"
#include "ops/linear.h"

namespace facet::nn {
namespace {

constexpr double kBatchNormEps = 1e-5;

Conv2dWeights fold_batch_norm(const WeightScope& weights, const ops::Conv2dConfig& config) {
  const std::int64_t inputs = config.depthwise ? 1 : config.in;
  Conv2dWeights folded{weights.take("c.weight", {config.out, inputs, config.kernel, config.kernel}), {}};
  if (!weights.has("bn.weight") && weights.has("c.bias")) {
    folded.bias = weights.take("c.bias", {config.out});
    return folded;
  }
  const Tensor gamma = weights.take("bn.weight", {config.out});
  const Tensor mean = weights.take("bn.running_mean", {config.out});
  const Tensor variance = weights.take("bn.running_var", {config.out});
  folded.bias = weights.take("bn.bias", {config.out});
  const std::int64_t filter = inputs * config.kernel * config.kernel;
  for (std::int64_t c = 0; c < config.out; ++c) {
    const double factor =
        gamma.data<float>()[c] / std::sqrt(double(variance.data<float>()[c]) + kBatchNormEps);
    for (float& value : folded.filters.data<float>().subspan(c * filter, filter)) {
      value = static_cast<float>(value * factor);
    }
    float& bias = folded.bias.data<float>()[c];
    bias = static_cast<float>(bias - mean.data<float>()[c] * factor);
  }
  return folded;
}

}  // namespace

ConvNorm::ConvNorm(const WeightScope& weights, const ops::Conv2dConfig& config)
    : config_(config), dtype_(weights.kernels().activation_dtype()) {
  if (config.kernel == 1 && config.stride == 1) {
    pointwise_ = weights.pack_linear(config.in, config.out, [&] {
      Conv2dWeights folded = fold_batch_norm(weights, config);
      return LinearWeights{std::move(folded.filters).reshaped({config.out, config.in}),
                           std::move(folded.bias)};
    });
  } else {
    spatial_ = weights.pack_conv2d(config, [&] { return fold_batch_norm(weights, config); });
  }
}

Tensor ConvNorm::forward(ops::Context& ctx, ConstTensorView x) const { return forward_as(ctx, x, dtype_); }

Tensor ConvNorm::forward_float32(ops::Context& ctx, ConstTensorView x) const {
  return forward_as(ctx, x, DType::Float32);
}

Tensor ConvNorm::forward_as(ops::Context& ctx, ConstTensorView x, DType dtype) const {
  const Shape& in = x.shape();
  const Size size = config_.output_size({int(in[1]), int(in[2])});
  Tensor out = ctx.make({in[0], size.height, size.width, config_.out}, dtype);
  if (pointwise_) {
    ops::linear(ctx, x, *pointwise_, {.activation = config_.activation}, out);
  } else {
    ops::conv2d(ctx, x, *spatial_, out);
  }
  return out;
}

void ConvNorm::add_to(ops::Context& ctx, ConstTensorView x, TensorView sum) const {
  FACET_CHECK(pointwise_ != nullptr, "only a 1 x 1 convolution adds to a sum");
  ops::linear(ctx, x, *pointwise_, {.activation = config_.activation, .accumulate = true}, sum);
}

}  // namespace facet::nn
