#include "ops/cuda/product_engine.h"

#include <algorithm>
#include <bit>
#include <string>

#include "core/check.h"
#include "core/cuda/cuda_check.h"
#include "ops/cuda/cuda_state.h"
#include "ops/cuda/finish_product.h"

namespace facet::ops::cuda {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t(32) << 20;  // what Hopper's algorithms ask for
constexpr std::uint32_t kMostAlignment = 256;

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw StatusError({StatusCode::DeviceFailed,
                     std::string("cuBLASLt: cannot ") + what + ": " + cublasLtGetStatusString(status)});
}

cudaDataType_t type_of(DType dtype) { return dtype == DType::BFloat16 ? CUDA_R_16BF : CUDA_R_32F; }

std::uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  return address == 0 ? kMostAlignment
                      : std::uint32_t(std::min<std::uintptr_t>(address & -address, kMostAlignment));
}

std::int64_t or_packed(std::int64_t stride, std::int64_t width) { return stride == 0 ? width : stride; }

// Of cuBLASLt's handles.
template <typename Handle, cublasStatus_t (*destroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (handle_ != nullptr) destroy(handle_);
  }
  Handle* out() { return &handle_; }
  [[nodiscard]] Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

template <typename Value>
void set(const Description& description, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value),
        "describe a product");
}
template <typename Value>
void set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value),
        "state a preference");
}

void make_layout(Layout& layout, cudaDataType_t type, std::int64_t rows, std::int64_t columns,
                 std::int64_t leading, std::int64_t batch, std::int64_t batch_stride) {
  check(cublasLtMatrixLayoutCreate(layout.out(), type, rows, columns, leading), "describe a matrix");
  if (batch == 1) return;
  const auto count = static_cast<std::int32_t>(batch);
  check(cublasLtMatrixLayoutSetAttribute(layout.get(), CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                         sizeof count),
        "describe a batch");
  check(cublasLtMatrixLayoutSetAttribute(layout.get(), CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                         &batch_stride, sizeof batch_stride),
        "describe a batch");
}

// What cuBLASLt computes at the end of a product. Its Gelu is the tanh approximation, which differs from the
// exact one by less than bfloat16 rounds, and by more than float32 may.
struct Epilogue {
  cublasLtEpilogue_t fused = CUBLASLT_EPILOGUE_DEFAULT;
  bool bias_is_fused = false;
  bool activation_is_fused = true;
};

const void* fusable_bias(const ProductArgs& args) {
  return args.out_dtype == DType::BFloat16 ? args.narrow_bias : args.bias;
}

Epilogue epilogue_of(const ProductArgs& args) {
  // cuBLASLt adds a bias of the type of `out` only.
  const bool bias = fusable_bias(args) != nullptr;
  Epilogue out{.bias_is_fused = bias};
  if (args.bias != nullptr && !bias) return {.activation_is_fused = args.activation == Activation::None};
  if (args.activation == Activation::Relu) {
    out.fused = bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    return out;
  }
  if (args.activation == Activation::Gelu && args.out_dtype == DType::BFloat16) {
    out.fused = bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    return out;
  }
  out.activation_is_fused = args.activation == Activation::None;
  if (bias) out.fused = CUBLASLT_EPILOGUE_BIAS;
  return out;
}

}  // namespace

// Row-major matrices are column-major ones transposed: out^T = w^T x^T.
struct ProductEngine::Plan {
  Description description;
  Layout w, x, out;
  cublasLtMatmulAlgo_t algorithm{};
  Epilogue epilogue;

  Plan(cublasLtHandle_t handle, const ProductArgs& args, Epilogue wanted) : epilogue(wanted) {
    const bool bf16 = args.dtype == DType::BFloat16;
    check(cublasLtMatmulDescCreate(
              description.out(),
              !bf16 && args.fast_float32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
          "describe a product");
    set(description, CUBLASLT_MATMUL_DESC_TRANSA, args.w_is_k_by_n ? CUBLAS_OP_N : CUBLAS_OP_T);
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue.fused);
    if (epilogue.bias_is_fused) {
      set(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(args.out_dtype));
      set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, fusable_bias(args));
    }
    const cudaDataType_t type = type_of(args.dtype);
    const std::int64_t w_width = args.w_is_k_by_n ? args.n : args.k;
    make_layout(w, type, w_width, args.w_is_k_by_n ? args.k : args.n, or_packed(args.w_stride, w_width),
                args.batch, args.w_batch_stride);
    make_layout(x, type, args.k, args.m, or_packed(args.x_stride, args.k), args.batch, args.x_batch_stride);
    make_layout(out, type_of(args.out_dtype), args.n, args.m, or_packed(args.out_stride, args.n), args.batch,
                args.out_batch_stride);
    found_ = find(handle, args);
  }
  /// Whether cuBLASLt knows a way.
  [[nodiscard]] bool found() const { return found_; }

 private:
  bool find(cublasLtHandle_t handle, const ProductArgs& args) {
    Preference preference;
    check(cublasLtMatmulPreferenceCreate(preference.out()), "state a preference");
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceBytes);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(args.w));
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(args.x));
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(args.out));
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(args.out));
    cublasLtMatmulHeuristicResult_t best{};
    int count = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(handle, description.get(), w.get(), x.get(), out.get(), out.get(),
                                       preference.get(), 1, &best, &count);
    if (status != CUBLAS_STATUS_SUCCESS || count == 0) return false;
    algorithm = best.algo;
    return true;
  }
  bool found_ = false;
};

ProductEngine::ProductEngine() {
  check(cublasLtCreate(&handle_), "start");
  cuda_check(cudaMalloc(&workspace_, kWorkspaceBytes), "allocate a workspace for products");
}

ProductEngine::~ProductEngine() {
  plans_.clear();
  cudaFree(workspace_);
  cublasLtDestroy(handle_);
}

const ProductEngine::Plan& ProductEngine::plan_for(const ProductArgs& args) {
  const Key key{{args.m, args.n, args.k, args.x_stride, args.w_stride, args.out_stride, args.batch,
                 args.x_batch_stride, args.w_batch_stride, args.out_batch_stride},
                int(args.dtype) * 16 + int(args.out_dtype),
                int(args.activation) * 4 + int(args.bias != nullptr) * 2 + int(args.narrow_bias != nullptr),
                int(args.w_is_k_by_n) * 2 + int(args.fast_float32),
                int(args.accumulate),
                {alignment_of(args.w), alignment_of(args.x), alignment_of(args.out)}};
  const auto known = plans_.find(key);
  if (known != plans_.end()) return *known->second;
  auto plan = std::make_unique<Plan>(handle_, args, epilogue_of(args));
  if (!plan->found()) {
    plan = std::make_unique<Plan>(handle_, args,
                                  Epilogue{.activation_is_fused = args.activation == Activation::None});
  }
  FACET_CHECK(plan->found(), "cuBLASLt has no product of " + std::to_string(args.m) + " x " +
                                 std::to_string(args.k) + " with " + std::to_string(args.k) + " x " +
                                 std::to_string(args.n));
  return *plans_.emplace(key, std::move(plan)).first->second;
}

void ProductEngine::run(cudaStream_t stream, const ProductArgs& args) {
  const Plan& plan = plan_for(args);
  if (plan.epilogue.bias_is_fused) {
    set(plan.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, fusable_bias(args));
  }
  const float sum = args.accumulate ? 1.0F : 0.0F;
  check(cublasLtMatmul(handle_, plan.description.get(), &args.scale, args.w, plan.w.get(), args.x,
                       plan.x.get(), &sum, args.out, plan.out.get(), args.out, plan.out.get(),
                       &plan.algorithm, workspace_, kWorkspaceBytes, stream),
        "multiply");
  const float* bias = plan.epilogue.bias_is_fused ? nullptr : args.bias;
  const Activation activation = plan.epilogue.activation_is_fused ? Activation::None : args.activation;
  if (bias != nullptr || activation != Activation::None) finish_product(stream, args, bias, activation);
}

void product(Context& ctx, const ProductArgs& args) {
  if (args.m == 0 || args.n == 0 || args.batch == 0) return;
  const cudaStream_t stream = stream_of(ctx);
  state_of(ctx).products().run(stream, args);
}

}  // namespace facet::ops::cuda
