#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/arena.h"
#include "facet/bfloat16.h"
#include "facet/image.h"
#include "facet/precision.h"
#include "facet/tensor.h"

namespace facet::ops {

class Context;
struct AttentionArgs;
struct WindowAttentionArgs;
struct PoolForTokensArgs;
struct SpreadTokensArgs;
struct SubpixelMasksArgs;
struct ProjectPictureArgs;
struct WeighTokensArgs;
struct SquaredLengthArgs;
struct PoolPictureArgs;
struct PictureMasksArgs;
struct KeepStableMasksArgs;
struct MaskRunsArgs;
struct MaskRuns;
struct PictureInputArgs;

/// What is applied to each element at the end of a product or convolution.
enum class Activation { None, Relu, Gelu, Sigmoid };

/// Packed weights as they lie in memory, so that a file can hold them.
struct PackedBytes {
  std::string layout;     ///< tells what the bytes mean from all that they could mean; empty: nothing to keep
  ConstTensorView bytes;  ///< UInt8, filled up to a multiple of kPackedAlignment
};
inline constexpr std::size_t kPackedAlignment = 64;
/// Bytes filled up to a multiple of kPackedAlignment.
[[nodiscard]] constexpr std::uint64_t packed_size(std::uint64_t bytes) {
  return (bytes + kPackedAlignment - 1) / kPackedAlignment * kPackedAlignment;
}

/// Weights of a product, laid out for one backend. Made once, shared by all threads.
class PackedLinear {
 public:
  PackedLinear(std::int64_t in, std::int64_t out) : in_(in), out_(out) {}
  virtual ~PackedLinear() = default;
  [[nodiscard]] std::int64_t in() const { return in_; }
  [[nodiscard]] std::int64_t out() const { return out_; }
  /// In which they are kept: it may be wider than that of the kernels that packed them.
  [[nodiscard]] virtual Precision precision() const { return Precision::Fp32; }
  [[nodiscard]] virtual PackedBytes packed() const { return {}; }

 private:
  std::int64_t in_;
  std::int64_t out_;
};

/// The shape of a convolution over channels-last pictures; depthwise means one filter a channel.
struct Conv2dConfig {
  std::int64_t in = 0;
  std::int64_t out = 0;
  int kernel = 1;
  int stride = 1;
  int padding = 0;
  bool depthwise = false;
  Activation activation = Activation::None;
  Size expected_input;  ///< the usual picture size, for which the weights are laid out

  [[nodiscard]] Size output_size(Size input) const {
    return {(input.height + 2 * padding - kernel) / stride + 1,
            (input.width + 2 * padding - kernel) / stride + 1};
  }
};

/// Weights of a convolution, laid out for one backend.
class PackedConv2d {
 public:
  explicit PackedConv2d(const Conv2dConfig& config) : config_(config) {}
  virtual ~PackedConv2d() = default;
  [[nodiscard]] const Conv2dConfig& config() const { return config_; }
  [[nodiscard]] virtual PackedBytes packed() const { return {}; }

 private:
  Conv2dConfig config_;
};

/// What a backend keeps from one call to the next (prepared primitives); one a Context.
class KernelState {
 public:
  virtual ~KernelState() = default;
};

/// A run of operations that was written down, to be started again at once.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Begins all of it, on the same memory.
  virtual void replay(Context& ctx) const = 0;
};

struct LinearOptions {
  Activation activation = Activation::None;
  bool accumulate = false;  ///< out += the result, before the activation
};

/// Rows of float32 numbers that lie `stride` elements apart; a stride of 0 repeats one row.
struct RowsView {
  const float* first = nullptr;
  std::int64_t stride = 0;
};

/// One backend's implementation of every operation. The functions in ops/*.h check the contract and then call
/// these; shapes and rules are written there.
class Kernels {
 public:
  virtual ~Kernels() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// What they run on: "cpu", "cuda:0".
  [[nodiscard]] virtual std::string device_name() const { return "cpu"; }
  [[nodiscard]] virtual std::unique_ptr<KernelState> make_state() const = 0;
  /// Of the weights that are packed.
  [[nodiscard]] virtual Precision precision() const { return Precision::Fp32; }
  /// What layers make of what lies between the operations of a block. The sum that blocks add to (the
  /// residual stream) and what a model gives out are float32 always.
  [[nodiscard]] virtual DType activation_dtype() const { return DType::Float32; }
  /// The same backend in float32, for the parts of a model that stay in it.
  [[nodiscard]] virtual const Kernels& full_precision() const { return *this; }
  /// The same for pictures in layers (ops/layered_picture.h): in bfloat16 where the model may be and its
  /// products are much faster. Pictures are kept in its activation_dtype.
  [[nodiscard]] virtual const Kernels& for_pictures() const { return full_precision(); }

  /// Whether tensors lie in the host's memory. Where not, only these functions and the operations touch them.
  [[nodiscard]] virtual bool on_host() const { return true; }
  /// For the tensors of a context; null: the host's memory.
  [[nodiscard]] virtual std::shared_ptr<BlockPool> make_pool() const { return nullptr; }
  /// Of the host, for what is uploaded fast; null where that is the same memory.
  [[nodiscard]] virtual std::shared_ptr<BlockPool> make_upload_pool() const { return nullptr; }
  /// A constant of a model, moved to where the operations read it, and a copy of one in the host's memory.
  [[nodiscard]] virtual Tensor placed(Tensor host) const { return host; }
  [[nodiscard]] virtual Tensor fetched(const Tensor& placed) const { return placed.clone(); }
  /// Copies between the host and the memory of the operations. `host` may be changed after an upload; a
  /// download waits for what makes x.
  virtual void upload(Context& ctx, ConstTensorView host, TensorView out) const;
  virtual void download(Context& ctx, ConstTensorView x, TensorView host) const;
  /// Waits for all that a context has begun.
  virtual void finish(Context& /*ctx*/) const {}
  /// Writes down what `run` begins, without doing it; null where a backend cannot (ops/recorded_runs.h).
  [[nodiscard]] virtual std::unique_ptr<const Recording> record(Context& /*ctx*/,
                                                                const std::function<void()>& /*run*/) const {
    return nullptr;
  }

  [[nodiscard]] virtual std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight,
                                                                        ConstTensorView bias) const = 0;
  [[nodiscard]] virtual std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config,
                                                                        ConstTensorView weight,
                                                                        ConstTensorView bias) const = 0;
  /// Weights that packed() once gave, used where they lie. `bytes` is UInt8, aligned to kPackedAlignment.
  /// Errors  StatusError BadModel when these kernels, on this machine, lay out such weights otherwise
  [[nodiscard]] virtual std::unique_ptr<const PackedLinear> open_linear(std::int64_t in, std::int64_t out,
                                                                        const std::string& layout,
                                                                        Tensor bytes) const;
  [[nodiscard]] virtual std::unique_ptr<const PackedConv2d> open_conv2d(const Conv2dConfig& config,
                                                                        const std::string& layout,
                                                                        Tensor bytes) const;

  virtual void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
                      TensorView out) const = 0;
  virtual void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) const = 0;
  virtual void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta,
                          float eps, Activation activation, TensorView out) const = 0;
  virtual void attention(Context& ctx, const AttentionArgs& args, TensorView out) const = 0;
  virtual void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) const = 0;
  virtual void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out) const = 0;
  virtual void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out) const = 0;
  virtual void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out) const = 0;
  /// Pictures in layers (ops/layered_picture.h) pay on the host alone: the others refuse them.
  virtual void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) const;
  virtual void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads,
                           TensorView out) const;
  virtual void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) const;
  virtual void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) const;
  virtual void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) const;
  virtual void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) const;
  virtual void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out) const;
  virtual void copy_rows(Context& ctx, RowsView from, std::int64_t rows, std::int64_t width, float* to,
                         std::int64_t to_stride) const;
  virtual void keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks,
                                 TensorView scores) const;
  /// For kernels of a device: the others refuse it.
  [[nodiscard]] virtual std::vector<MaskRuns> mask_runs(Context& ctx, const MaskRunsArgs& args) const;
  /// Backends of the host refuse it: there segment/ makes the input.
  virtual void picture_input(Context& ctx, const PictureInputArgs& args, TensorView out) const;
  virtual void convert(Context& ctx, ConstTensorView x, TensorView out) const = 0;
  virtual void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) const = 0;
  virtual void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) const = 0;
  virtual void activate(Context& ctx, Activation activation, TensorView x) const = 0;
  virtual void signed_mask(Context& ctx, bool binary, TensorView x) const = 0;
  virtual void max_pool2(Context& ctx, ConstTensorView x, TensorView out) const = 0;
  virtual void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) const = 0;
  virtual void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) const = 0;
  virtual void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) const = 0;
};

using KernelsPtr = std::shared_ptr<const Kernels>;

/// Throws StatusError BadModel unless `bytes` are as many as the layout takes, and aligned.
void expect_packed_size(const std::string& layout, const Tensor& bytes, std::int64_t size);
[[noreturn]] void refuse_layout(const std::string& layout, const std::string& expected);

/// The fast kernels of this processor: oneDNN for products and convolutions, Highway for the rest. The
/// precision is that of the weights they pack; all of them run what any of them has packed.
[[nodiscard]] KernelsPtr cpu_kernels(Precision precision = Precision::Fp32);
/// Plain loops in double precision: the oracle that every other backend is compared with.
[[nodiscard]] KernelsPtr reference_kernels();

}  // namespace facet::ops
