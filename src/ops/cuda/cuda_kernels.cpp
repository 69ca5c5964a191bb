#include "ops/cuda/cuda_kernels.h"

#include <cuda_runtime.h>

#include <mutex>

#include "core/check.h"
#include "core/cuda/cuda_check.h"
#include "core/cuda/device_pool.h"
#include "ops/cuda/attention.h"
#include "ops/cuda/conv2d.h"
#include "ops/cuda/cuda_state.h"
#include "ops/cuda/elementwise.h"
#include "ops/cuda/graph_recording.h"
#include "ops/cuda/layer_norm.h"
#include "ops/cuda/linear.h"
#include "ops/cuda/mask_runs.h"
#include "ops/cuda/picture_input.h"
#include "ops/cuda/rearrange.h"
#include "ops/cuda/resize.h"
#include "ops/cuda/subpixel_masks.h"
#include "ops/cuda/token_attention.h"

namespace facet::ops {
namespace {

using cuda::stream_of;

// One device, and the memory in which the constants of its models lie.
class Device {
 public:
  explicit Device(int index) : index_(index), pool_(std::make_shared<DevicePool>(index)), arena_(pool_) {}
  [[nodiscard]] int index() const { return index_; }

  // For good: what a model keeps is freed with the model, when nothing reads it any more.
  [[nodiscard]] Tensor placed(const Tensor& host) {
    Tensor out = make(host.shape(), host.dtype());
    copy(out.view().raw(), host.view().raw(), host.size_bytes(), cudaMemcpyHostToDevice);
    return out;
  }
  [[nodiscard]] Tensor fetched(const Tensor& placed) const {
    Tensor host(placed.shape(), placed.dtype());
    copy(host.view().raw(), placed.view().raw(), host.size_bytes(), cudaMemcpyDeviceToHost);
    return host;
  }

 private:
  [[nodiscard]] Tensor make(const Shape& shape, DType dtype) {
    const std::lock_guard lock(mutex_);
    return arena_.make(shape, dtype);
  }
  void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) const {
    if (bytes == 0) return;
    cuda_check(cudaSetDevice(index_), "use the device");
    cuda_check(cudaMemcpy(to, from, bytes, kind), "copy a model's constant");
    // The contexts' streams do not wait for this one.
    cuda_check(cudaDeviceSynchronize(), "copy a model's constant");
  }

  const int index_;
  std::mutex mutex_;
  std::shared_ptr<DevicePool> pool_;
  Arena arena_;
};

class CudaKernels final : public Kernels {
 public:
  CudaKernels(std::shared_ptr<Device> device, Precision precision, bool rounds_float32)
      : device_(std::move(device)), precision_(precision), rounds_float32_(rounds_float32) {
    if (precision == Precision::Bf16) {
      full_precision_ = std::make_unique<const CudaKernels>(device_, Precision::Fp32, true);
    }
  }

  [[nodiscard]] std::string_view name() const override { return "cuda"; }
  [[nodiscard]] std::string device_name() const override {
    return "cuda:" + std::to_string(device_->index());
  }
  [[nodiscard]] std::unique_ptr<KernelState> make_state() const override {
    return std::make_unique<cuda::CudaState>(device_->index());
  }
  [[nodiscard]] Precision precision() const override { return precision_; }
  [[nodiscard]] DType activation_dtype() const override {
    return precision_ == Precision::Fp32 ? DType::Float32 : DType::BFloat16;
  }
  [[nodiscard]] const Kernels& full_precision() const override {
    return full_precision_ == nullptr ? *this : *full_precision_;
  }

  [[nodiscard]] bool on_host() const override { return false; }
  [[nodiscard]] std::shared_ptr<BlockPool> make_pool() const override {
    return std::make_shared<DevicePool>(device_->index());
  }
  [[nodiscard]] std::shared_ptr<BlockPool> make_upload_pool() const override {
    return std::make_shared<DevicePool>(device_->index(), DeviceMemory::PinnedHost);
  }
  [[nodiscard]] Tensor placed(Tensor host) const override { return device_->placed(host); }
  [[nodiscard]] Tensor fetched(const Tensor& placed) const override { return device_->fetched(placed); }
  void upload(Context& ctx, ConstTensorView host, TensorView out) const override {
    cuda_check(
        cudaMemcpyAsync(out.raw(), host.raw(), host.size_bytes(), cudaMemcpyHostToDevice, stream_of(ctx)),
        "copy to the device");
    // Pinned memory is read later; what is pageable was copied when the call returned.
    cudaPointerAttributes attributes{};
    cuda_check(cudaPointerGetAttributes(&attributes, host.raw()), "look at a tensor's memory");
    if (attributes.type == cudaMemoryTypeHost) finish(ctx);
  }
  void download(Context& ctx, ConstTensorView x, TensorView host) const override {
    cuda_check(cudaMemcpyAsync(host.raw(), x.raw(), x.size_bytes(), cudaMemcpyDeviceToHost, stream_of(ctx)),
               "copy from the device");
    finish(ctx);
  }
  void finish(Context& ctx) const override {
    cuda_check(cudaStreamSynchronize(stream_of(ctx)), "wait for the device");
  }

  [[nodiscard]] std::unique_ptr<const Recording> record(Context& ctx,
                                                        const std::function<void()>& run) const override {
    return cuda::record(stream_of(ctx), run);
  }

  [[nodiscard]] std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return cuda::pack_linear(weight, bias, activation_dtype(), place());
  }
  [[nodiscard]] std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config,
                                                                ConstTensorView weight,
                                                                ConstTensorView bias) const override {
    return cuda::pack_conv2d(config, weight, bias, activation_dtype(), rounds_float32_, place());
  }
  void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
              TensorView out) const override {
    cuda::linear(ctx, x, weights, options, rounds_float32_, out);
  }
  void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) const override {
    cuda::conv2d(ctx, x, weights, out);
  }
  void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                  Activation activation, TensorView out) const override {
    cuda::layer_norm(ctx, x, gamma, beta, eps, activation, out);
  }
  void attention(Context& ctx, const AttentionArgs& args, TensorView out) const override {
    cuda::attention(ctx, args, out);
  }
  void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) const override {
    cuda::window_attention(ctx, args, out);
  }
  void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out) const override {
    cuda::pool_for_tokens(ctx, args, rounds_float32_, out);
  }
  void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out) const override {
    cuda::spread_tokens(ctx, args, rounds_float32_, out);
  }
  void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out) const override {
    cuda::subpixel_masks(ctx, args, rounds_float32_, out);
  }
  void copy_rows(Context& ctx, RowsView from, std::int64_t rows, std::int64_t width, float* to,
                 std::int64_t to_stride) const override {
    cuda::copy_rows(ctx, from.first, from.stride, to, to_stride, rows, width);
  }
  void keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks,
                         TensorView scores) const override {
    cuda::keep_stable_masks(ctx, args, masks, scores);
  }
  [[nodiscard]] std::vector<MaskRuns> mask_runs(Context& ctx, const MaskRunsArgs& args) const override {
    return cuda::mask_runs(ctx, args);
  }
  void picture_input(Context& ctx, const PictureInputArgs& args, TensorView out) const override {
    cuda::picture_input(ctx, args, out);
  }
  void convert(Context& ctx, ConstTensorView x, TensorView out) const override { cuda::convert(ctx, x, out); }
  void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) const override {
    cuda::add(ctx, a, b, out);
  }
  void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) const override {
    cuda::space_to_depth(ctx, x, block, out);
  }
  void activate(Context& ctx, Activation activation, TensorView x) const override {
    cuda::activate(ctx, activation, x);
  }
  void signed_mask(Context& ctx, bool binary, TensorView x) const override {
    cuda::signed_mask(ctx, binary, x);
  }
  void max_pool2(Context& ctx, ConstTensorView x, TensorView out) const override {
    cuda::max_pool2(ctx, x, out);
  }
  void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) const override {
    cuda::rotate_positions(ctx, angles, x);
  }
  void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) const override {
    cuda::add_upsampled2(ctx, x, out);
  }
  void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) const override {
    cuda::resize_bilinear(ctx, x, out);
  }

 private:
  [[nodiscard]] cuda::Place place() const {
    return [device = device_](Tensor host) { return device->placed(host); };
  }

  std::shared_ptr<Device> device_;
  Precision precision_;
  bool rounds_float32_;  // to tf32, in products: in a model of bfloat16, the parts that stay in float32
  std::unique_ptr<const CudaKernels> full_precision_;
};

}  // namespace

int cuda_device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  cudaGetLastError();
  return 0;
}

Result<KernelsPtr> cuda_kernels(int device, Precision precision) {
  const int count = cuda_device_count();
  if (device < 0 || device >= count) {
    return Status(StatusCode::DeviceFailed, "cuda:" + std::to_string(device) +
                                                " is not there; this machine has " + std::to_string(count) +
                                                " CUDA devices that work");
  }
  if (precision == Precision::Auto) precision = Precision::Bf16;
  if (precision != Precision::Fp32 && precision != Precision::Bf16) {
    return Status(StatusCode::Usage,
                  "CUDA runs fp32 and bf16, not " + std::string(precision_name(precision)));
  }
  return KernelsPtr(std::make_shared<const CudaKernels>(std::make_shared<Device>(device), precision,
                                                        precision == Precision::Bf16));
}

}  // namespace facet::ops
