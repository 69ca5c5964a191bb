// Kernels of vectors at the very end of a page, behind which nothing may be touched: rows that fill no
// vector.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "ops/conv2d.h"
#include "ops/elementwise.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/max_pool.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

/// A copy of a tensor whose last byte is the last that may be read or written.
class AtTheEnd {
 public:
  explicit AtTheEnd(const Tensor& x) : shape_(x.shape()), dtype_(x.dtype()), bytes_(x.view().size_bytes()) {
    const std::size_t page = page_size();
    readable_ = (bytes_ + page - 1) / page * page;
    memory_ = static_cast<char*>(
        mmap(nullptr, readable_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory_ == MAP_FAILED || mprotect(memory_ + readable_, page, PROT_NONE) != 0) std::abort();
    std::memcpy(begin(), x.view().raw(), bytes_);
  }
  AtTheEnd(const AtTheEnd&) = delete;
  AtTheEnd& operator=(const AtTheEnd&) = delete;
  ~AtTheEnd() { munmap(memory_, readable_ + page_size()); }

  [[nodiscard]] TensorView view() { return {begin(), shape_, dtype_}; }

 private:
  static std::size_t page_size() { return std::size_t(sysconf(_SC_PAGESIZE)); }
  [[nodiscard]] char* begin() { return memory_ + readable_ - bytes_; }

  Shape shape_;
  DType dtype_;
  std::size_t bytes_;
  std::size_t readable_;
  char* memory_;
};

class MemoryEndsTest : public OpTest {
 protected:
  /// Runs `work(ctx, x, out)` on memory that ends with x and out, and on the oracle's.
  template <class Work>
  void compare(const Tensor& x, Shape out, DType to, double tolerance, const Work& work) {
    const Tensor blank = random(out, 9, to);
    AtTheEnd from(x);
    AtTheEnd fast(blank);
    Tensor slow = blank.clone();
    work(backend, from.view(), fast.view());
    work(oracle, x, slow.view());
    EXPECT_TENSOR_NEAR(fast.view(), slow, tolerance + 2 * rounding_of(to)) << x.shape().to_string();
  }
};

constexpr int kOddChannels[] = {1, 3, 7, 13, 17, 36, 45};

TEST_P(MemoryEndsTest, LayerNorm) {
  for (const int channels : kOddChannels) {
    const Tensor gamma = random_tensor({channels}, 2);
    const Tensor beta = random_tensor({channels}, 3);
    AtTheEnd last_gamma(gamma);
    AtTheEnd last_beta(beta);
    for (const DType dtype : kActivationTypes) {
      compare(random({5, channels}, 1, dtype), {5, channels}, dtype, 1e-5,
              [&](Context& ctx, ConstTensorView x, TensorView out) {
                layer_norm(ctx, x, last_gamma.view(), last_beta.view(), 1e-5F, Activation::Gelu, out);
              });
    }
  }
}

TEST_P(MemoryEndsTest, DepthwiseConvolution) {
  for (const int channels : kOddChannels) {
    const Conv2dConfig config{.in = channels, .out = channels, .kernel = 3, .padding = 1, .depthwise = true};
    const Tensor weight = random_tensor({channels, 1, 3, 3}, 2);
    const Tensor bias = random_tensor({channels}, 3);
    for (const DType dtype : kActivationTypes) {
      compare(random({1, 4, 5, channels}, 1, dtype), {1, 4, 5, channels}, dtype, 2e-6,
              [&](Context& ctx, ConstTensorView x, TensorView out) {
                conv2d(ctx, x, *ctx.kernels().pack_conv2d(config, weight, bias), out);
              });
    }
  }
}

TEST_P(MemoryEndsTest, MaxPool) {
  for (const int channels : kOddChannels) {
    for (const DType dtype : kActivationTypes) {
      compare(random({1, 4, 6, channels}, 1, dtype), {1, 2, 3, channels}, dtype, 0,
              [](Context& ctx, ConstTensorView x, TensorView out) { max_pool2(ctx, x, out); });
    }
  }
}

TEST_P(MemoryEndsTest, Convert) {
  for (const int count : kOddChannels) {
    for (const DType from : kActivationTypes) {
      for (const DType to : kActivationTypes) {
        compare(random({count}, 1, from), {count}, to, 0,
                [](Context& ctx, ConstTensorView x, TensorView out) { convert(ctx, x, out); });
      }
    }
  }
}

TEST_P(MemoryEndsTest, Activation) {
  for (const int count : kOddChannels) {
    const Tensor x = random_tensor({count}, 1);
    for (const bool signed_one : {false, true}) {
      AtTheEnd fast(x);
      Tensor slow = x.clone();
      const auto work = [&](Context& ctx, TensorView values) {
        signed_one ? signed_mask(ctx, false, values) : activate(ctx, Activation::Gelu, values);
      };
      work(backend, fast.view());
      work(oracle, slow);
      EXPECT_TENSOR_NEAR(fast.view(), slow, 1e-5) << count;
    }
  }
}

TEST_P(MemoryEndsTest, Products) {
  for (const int channels : kOddChannels) {
    const Tensor weight = converted(oracle, random({channels, channels}, 2, DType::BFloat16), DType::Float32);
    const Tensor bias = random_tensor({channels}, 3);
    for (const Precision precision : precisions()) {
      const auto fast_weight = kernels(precision)->pack_linear(weight, bias);
      const auto slow_weight = oracle.kernels().pack_linear(weight, bias);
      for (const DType dtype : kActivationTypes) {
        const double error = precision == Precision::Int8 ? 2e-2 : precision == Precision::Bf16 ? 4e-3 : 2e-6;
        compare(random({5, channels}, 1, dtype), {5, channels}, dtype, error,
                [&](Context& ctx, ConstTensorView x, TensorView out) {
                  linear(ctx, x, &ctx == &oracle ? *slow_weight : *fast_weight, {.accumulate = true}, out);
                });
      }
    }
  }
}

FACET_INSTANTIATE_HOST_OP_TEST(MemoryEndsTest);

}  // namespace
}  // namespace facet::ops
