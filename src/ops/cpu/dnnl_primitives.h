#pragma once

#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "ops/context.h"
#include "ops/kernels.h"

namespace facet::ops {

/// The process's CPU engine of oneDNN.
const dnnl::engine& dnnl_engine();
/// Whether oneDNN multiplies in blocks of registers on this processor; then it takes bfloat16 too, be it by
/// way of float32.
bool dnnl_has_block_kernels();
/// Whether oneDNN uses these instructions of x86 here: the processor has them, the system lets it, and
/// ONEDNN_MAX_CPU_ISA does not forbid them.
bool dnnl_uses(dnnl_cpu_isa_t instructions);
/// The type in which oneDNN keeps weights of this precision here.
DType dnnl_weight_dtype(Precision precision);

/// A primitive with its memory objects and its list of arguments; only the data pointers change from call to
/// call.
class PreparedPrimitive {
 public:
  struct Memories {
    dnnl::memory source, weights, bias, destination, scratchpad;
  };
  PreparedPrimitive(dnnl::primitive primitive, Memories memories);
  void execute(Context& ctx, const dnnl::stream& stream, const void* source, void* destination);

 private:
  dnnl::primitive primitive_;
  Memories memories_;  // the arguments hold their handles
  std::array<dnnl_exec_arg_t, 5> arguments_{};
  int count_ = 0;
};

/// The primitive of a description, for weights that are already laid out.
template <class Primitive>
PreparedPrimitive dnnl_prepare(const typename Primitive::primitive_desc& description,
                               const dnnl::memory& weights, const dnnl::memory& bias) {
  const auto unbound = [](const dnnl::memory::desc& desc) {
    return dnnl::memory(desc, dnnl_engine(), nullptr);
  };
  return {Primitive(description),
          {unbound(description.src_desc()), weights, bias, unbound(description.dst_desc()),
           unbound(description.scratchpad_desc())}};
}

/// Prepared primitives of one context, by packed weights and what else makes them differ.
class DnnlState : public KernelState {
 public:
  struct Key {
    std::uint64_t weights = 0;  ///< identity of the packed weights
    std::int64_t batch = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    int variant = 0;
    bool operator==(const Key&) const = default;
  };
  /// The primitive under `key`, made by `make` at its first use.
  template <class Make>
  PreparedPrimitive& prepared(const Key& key, const Make& make) {
    const auto found = primitives_.find(key);
    return found != primitives_.end() ? found->second : primitives_.emplace(key, make()).first->second;
  }
  void execute(Context& ctx, PreparedPrimitive& prepared, const void* source, void* destination) {
    prepared.execute(ctx, stream_, source, destination);
  }

 private:
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::size_t hash = key.weights;
      for (const std::int64_t part : {key.batch, key.height, key.width, std::int64_t(key.variant)}) {
        hash = (hash ^ std::size_t(part)) * 0x9E3779B97F4A7C15ULL;
      }
      return hash;
    }
  };
  std::unordered_map<Key, PreparedPrimitive, KeyHash> primitives_;
  dnnl::stream stream_{dnnl_engine()};
};

/// A number that no other packed weights of this process have.
std::uint64_t next_weights_identity();
/// Float32 or BFloat16 as oneDNN names them.
dnnl::memory::data_type dnnl_type(DType dtype);
/// Post-operations: add to what is there, then the activation; scratch memory comes from the caller.
dnnl::primitive_attr dnnl_attributes(Activation activation, bool accumulate);
/// The description of a primitive that takes `args`: oneDNN 3 has no descriptor of the operation before it.
template <class Primitive, class... Args>
typename Primitive::primitive_desc dnnl_describe(const dnnl::primitive_attr& attributes,
                                                 const Args&... args) {
#if DNNL_VERSION_MAJOR >= 3
  return {dnnl_engine(), args..., attributes};
#else
  return {{args...}, attributes, dnnl_engine()};
#endif
}
/// Weights and bias of a primitive in one piece of memory, as packed() tells them and files hold them.
class DnnlWeights {
 public:
  DnnlWeights() = default;
  /// `weight` in `plain` and the bias, or none, copied into the layout `wanted`.
  DnnlWeights(ConstTensorView weight, const dnnl::memory::desc& plain, const dnnl::memory::desc& wanted,
              ConstTensorView bias);
  /// Bytes that lie in the layout `wanted`, bias included where the layout says so.
  /// Errors  StatusError BadModel when `layout` tells of another
  DnnlWeights(const dnnl::memory::desc& wanted, std::int64_t out, const std::string& layout, Tensor bytes);

  [[nodiscard]] const dnnl::memory& weights() const { return weights_; }
  [[nodiscard]] const dnnl::memory& bias() const { return bias_; }  ///< may be none
  [[nodiscard]] PackedBytes packed() const { return {layout_, memory_}; }

  /// What a layout says: the type of the weights, and whether there is a bias.
  static DType dtype_of(const std::string& layout);
  static bool has_bias(const std::string& layout);

 private:
  void place(const dnnl::memory::desc& wanted, std::int64_t out);
  std::string layout_;
  Tensor memory_;  // UInt8
  dnnl::memory weights_, bias_;
};

std::unique_ptr<const PackedLinear> dnnl_open_linear(std::int64_t in, std::int64_t out,
                                                     const std::string& layout, Tensor bytes);
std::unique_ptr<const PackedConv2d> dnnl_open_conv2d(const Conv2dConfig& config, const std::string& layout,
                                                     Tensor bytes);
std::unique_ptr<const PackedLinear> dnnl_pack_linear(ConstTensorView weight, ConstTensorView bias,
                                                     DType dtype);
void dnnl_linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
                 TensorView out);
std::unique_ptr<const PackedConv2d> dnnl_pack_conv2d(const Conv2dConfig& config, ConstTensorView weight,
                                                     ConstTensorView bias, DType dtype);
void dnnl_conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out);

}  // namespace facet::ops
