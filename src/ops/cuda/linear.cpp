#include "ops/cuda/linear.h"

#include <algorithm>

#include "core/check.h"
#include "ops/convert.h"
#include "ops/cuda/product.h"

namespace facet::ops::cuda {
namespace {

constexpr std::int64_t kRowUnit = 8;  // tensor cores want rows of 16 bytes

std::int64_t padded(std::int64_t count) { return (count + kRowUnit - 1) / kRowUnit * kRowUnit; }

class CudaLinear final : public PackedLinear {
 public:
  CudaLinear(std::int64_t in, std::int64_t out, Tensor matrix, Tensor bias, Tensor narrow_bias)
      : PackedLinear(in, out),
        matrix_(std::move(matrix)),
        bias_(std::move(bias)),
        narrow_bias_(std::move(narrow_bias)) {}
  [[nodiscard]] Precision precision() const override {
    return matrix_.dtype() == DType::BFloat16 ? Precision::Bf16 : Precision::Fp32;
  }
  [[nodiscard]] const Tensor& matrix() const { return matrix_; }
  [[nodiscard]] const float* bias() const { return bias_.empty() ? nullptr : bias_.data<float>().data(); }
  [[nodiscard]] const void* narrow_bias() const { return narrow_bias_.view().raw(); }

 private:
  Tensor matrix_;  // [out, in]; rows filled up with zeros to a multiple of 8
  Tensor bias_;
  Tensor narrow_bias_;  // the same in bfloat16, beside a matrix of it
};

Tensor with_padded_rows(ConstTensorView weight) {
  const std::int64_t out = weight.shape()[0];
  const std::int64_t in = weight.shape()[1];
  Tensor matrix = Tensor::zeros({out, padded(in)});
  for (std::int64_t row = 0; row < out; ++row) {
    std::copy_n(weight.data<float>().data() + row * in, in, matrix.data<float>().data() + row * padded(in));
  }
  return matrix;
}

Tensor copy_of(ConstTensorView host) { return Tensor::from(host.data<float>(), host.shape()); }

}  // namespace

Tensor rounded_to(DType dtype, Tensor host) {
  if (dtype == DType::Float32) return host;
  Tensor out(host.shape(), dtype);
  std::ranges::transform(host.data<float>(), out.data<BFloat16>().begin(),
                         [](float value) { return BFloat16(value); });
  return out;
}

std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight, ConstTensorView bias, DType dtype,
                                                const Place& place) {
  Tensor placed_bias;
  Tensor narrow_bias;
  if (!bias.empty()) {
    placed_bias = place(copy_of(bias));
    if (dtype == DType::BFloat16) narrow_bias = place(rounded_to(dtype, copy_of(bias)));
  }
  return std::make_unique<CudaLinear>(weight.shape()[1], weight.shape()[0],
                                      place(rounded_to(dtype, with_padded_rows(weight))),
                                      std::move(placed_bias), std::move(narrow_bias));
}

void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
            bool fast_float32, TensorView out) {
  const auto* own = dynamic_cast<const CudaLinear*>(&weights);
  FACET_CHECK(own != nullptr, "linear: the weights were packed by other kernels");
  const DType dtype = own->matrix().dtype();
  const ReadAs factors(ctx, x, dtype);
  // cuBLASLt gives float32 where the factors are.
  WriteAs to(ctx, out, dtype == DType::Float32 ? dtype : out.dtype(), options.accumulate);
  product(ctx, {.x = factors.view().raw(),
                .w = own->matrix().view().raw(),
                .out = to.view().raw(),
                .dtype = dtype,
                .out_dtype = to.view().dtype(),
                .m = x.shape().numel() / weights.in(),
                .n = weights.out(),
                .k = weights.in(),
                .w_stride = own->matrix().shape()[1],
                .bias = own->bias(),
                .narrow_bias = own->narrow_bias(),
                .activation = options.activation,
                .accumulate = options.accumulate,
                .fast_float32 = fast_float32});
  to.finish(ctx);
}

}  // namespace facet::ops::cuda
