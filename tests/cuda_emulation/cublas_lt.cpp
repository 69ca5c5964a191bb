#include <cublasLt.h>
#include <cuda_bf16.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "cuda_emulation/control.h"
#include "graph.h"
#include "matrix_product.h"

struct cublasLtContext {};

struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType type;
  std::int64_t rows, columns, leading;
  std::int32_t batch = 1;
  std::int64_t batch_stride = 0;
};

struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cublasOperation_t a_operation = CUBLAS_OP_N, b_operation = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  std::int32_t bias_type = -1;  // d's
};

struct cublasLtMatmulPreferenceOpaque_t {
  std::uint64_t workspace_bytes = 0;
  std::uint32_t a = 256, b = 256, c = 256, d = 256;  // how far pointers are aligned
};

namespace cuda_emulation {
namespace {

using Layout = cublasLtMatrixLayoutOpaque_t;
using Description = cublasLtMatmulDescOpaque_t;
using Preference = cublasLtMatmulPreferenceOpaque_t;

constexpr unsigned kBiasBit = 4, kReluBit = 2, kGeluBit = 32;

struct Problem {
  Description description;  // copies: a graph multiplies when its caller has long described something else
  Layout a, b, d;
  [[nodiscard]] std::int64_t m() const { return description.a_operation == CUBLAS_OP_N ? a.rows : a.columns; }
  [[nodiscard]] std::int64_t k() const { return description.a_operation == CUBLAS_OP_N ? a.columns : a.rows; }
  [[nodiscard]] std::int64_t k_of_b() const {
    return description.b_operation == CUBLAS_OP_N ? b.rows : b.columns;
  }
  [[nodiscard]] std::int64_t n() const { return description.b_operation == CUBLAS_OP_N ? b.columns : b.rows; }
  [[nodiscard]] bool has_bias() const { return (description.epilogue & kBiasBit) != 0; }
};

/// What an algorithm was found for.
struct Found {
  std::int64_t m, n, k;
  std::int32_t batch;
  std::int32_t epilogue;
  std::uint32_t a, b, c, d;
};
static_assert(sizeof(Found) <= sizeof(cublasLtMatmulAlgo_t));

template <typename Object>
cublasStatus_t make(Object** out, Object object) {
  *out = std::make_unique<Object>(object).release();
  return CUBLAS_STATUS_SUCCESS;
}

template <typename Object>
cublasStatus_t drop(Object* object) {
  if (object == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const std::unique_ptr<Object> owned(object);
  return CUBLAS_STATUS_SUCCESS;
}

template <typename Field>
cublasStatus_t set(Field& field, const void* value, std::size_t size_bytes) {
  if (value == nullptr || size_bytes != sizeof(Field)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&field, value, size_bytes);
  return CUBLAS_STATUS_SUCCESS;
}

std::size_t size_of(cudaDataType type) { return type == CUDA_R_32F ? 4 : 2; }

bool types_are_supported(const Problem& problem) {
  const cudaDataType in = problem.a.type, out = problem.d.type;
  if (problem.b.type != in) return false;
  if (in == CUDA_R_32F) return out == CUDA_R_32F;
  const bool is_plain = problem.description.compute == CUBLAS_COMPUTE_32F;
  return in == CUDA_R_16BF && is_plain && (out == CUDA_R_16BF || out == CUDA_R_32F);
}

// NVIDIA's table of types gives no bias but of d's.
bool bias_is_supported(const Problem& problem) {
  const std::int32_t type = problem.description.bias_type;
  return !problem.has_bias() || type == -1 || type == problem.d.type;
}

bool sizes_agree(const Problem& problem) {
  const Layout &a = problem.a, &b = problem.b, &d = problem.d;
  const bool strides_hold = a.leading >= a.rows && b.leading >= b.rows && d.leading >= d.rows;
  const bool sizes = problem.k() == problem.k_of_b() && problem.m() == d.rows && problem.n() == d.columns;
  const bool some = problem.m() > 0 && problem.n() > 0 && problem.k() > 0 && d.batch > 0;
  return strides_hold && sizes && some && a.batch == d.batch && b.batch == d.batch;
}

Found found_for(const Problem& problem, const Preference& preference) {
  return {.m = problem.m(),
          .n = problem.n(),
          .k = problem.k(),
          .batch = problem.d.batch,
          .epilogue = problem.description.epilogue,
          .a = preference.a,
          .b = preference.b,
          .c = preference.c,
          .d = preference.d};
}

bool is_aligned(const void* pointer, std::uint32_t alignment) {
  return reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0;
}

Matrix matrix_of(const void* data, const Layout& layout, cublasOperation_t operation, std::int32_t batch) {
  const auto offset = batch * layout.batch_stride * std::int64_t(size_of(layout.type));
  return {.data = static_cast<const std::byte*>(data) + offset,
          .is_bfloat16 = layout.type == CUDA_R_16BF,
          .row_stride = operation == CUBLAS_OP_N ? 1 : layout.leading,
          .column_stride = operation == CUBLAS_OP_N ? layout.leading : 1};
}

float gelu(float x) { return 0.5F * x * (1.0F + std::tanh(0.79788456F * (x + 0.044715F * x * x * x))); }

float finished(float sum, cublasLtEpilogue_t epilogue) {
  if ((epilogue & kReluBit) != 0) return std::max(sum, 0.0F);
  return (epilogue & kGeluBit) != 0 ? gelu(sum) : sum;
}

template <typename T>
void store(const Problem& problem, const Matrix& d, const std::vector<float>& sums, float alpha, float beta) {
  auto* out = static_cast<T*>(const_cast<void*>(d.data));
  const auto* bias = problem.has_bias() ? static_cast<const T*>(problem.description.bias) : nullptr;
  for (std::int64_t column = 0; column < problem.n(); ++column) {
    for (std::int64_t row = 0; row < problem.m(); ++row) {
      T& to = out[row + column * d.column_stride];
      float sum = alpha * sums[row * problem.n() + column];
      if (beta != 0.0F) sum += beta * float(to);
      if (bias != nullptr) sum += float(bias[row]);
      to = T(finished(sum, problem.description.epilogue));
    }
  }
}

struct Operands {
  const void *a, *b;
  void* d;
  float alpha, beta;
};

bool lies_on_device(const Matrix& matrix, std::int64_t rows, std::int64_t columns) {
  return is_device_memory(matrix.data, extent_bytes(matrix, rows, columns));
}

cublasStatus_t multiply(const Problem& problem, const Operands& operands, std::int32_t batch) {
  const Matrix a = matrix_of(operands.a, problem.a, problem.description.a_operation, batch);
  const Matrix b = matrix_of(operands.b, problem.b, problem.description.b_operation, batch);
  const Matrix d = matrix_of(operands.d, problem.d, CUBLAS_OP_N, batch);
  const ProductSize size{.m = problem.m(), .n = problem.n(), .k = problem.k()};
  const bool bias_lies =
      !problem.has_bias() || is_device_memory(problem.description.bias, size.m * size_of(problem.d.type));
  const bool all_lie = lies_on_device(a, size.m, size.k) && lies_on_device(b, size.k, size.n) &&
                       lies_on_device(d, size.m, size.n);
  if (!bias_lies || !all_lie) return CUBLAS_STATUS_EXECUTION_FAILED;
  const std::vector<float> sums = matrix_product(a, b, size);
  if (d.is_bfloat16) {
    store<__nv_bfloat16>(problem, d, sums, operands.alpha, operands.beta);
  } else {
    store<float>(problem, d, sums, operands.alpha, operands.beta);
  }
  return CUBLAS_STATUS_SUCCESS;
}

bool serves(const Found& found, const Problem& problem, const Operands& operands) {
  const bool same = found.m == problem.m() && found.n == problem.n() && found.k == problem.k() &&
                    found.batch == problem.d.batch && found.epilogue == problem.description.epilogue;
  const bool aligned = is_aligned(operands.a, found.a) && is_aligned(operands.b, found.b) &&
                       is_aligned(operands.d, found.c) && is_aligned(operands.d, found.d);
  return same && aligned;
}

}  // namespace
}  // namespace cuda_emulation

using namespace cuda_emulation;  // NOLINT(google-build-using-namespace): what follows is NVIDIA's interface

const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}
const char* cublasLtGetStatusString(cublasStatus_t status) { return cublasLtGetStatusName(status); }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  return make(handle, cublasLtContext{});
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return drop(handle); }

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns, std::int64_t leading) {
  return make(
      layout,
      Layout{.type = type, .rows = std::int64_t(rows), .columns = std::int64_t(columns), .leading = leading});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return drop(layout); }

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t size_bytes) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return set(layout->batch, value, size_bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return set(layout->batch_stride, value, size_bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t compute,
                                        cudaDataType scale_type) {
  if (scale_type != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  return make(description, Description{.compute = compute});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) { return drop(description); }

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t size_bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(description->a_operation, value, size_bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(description->b_operation, value, size_bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(description->epilogue, value, size_bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(description->bias, value, size_bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return set(description->bias_type, value, size_bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return make(preference, Preference{});
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return drop(preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t size_bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set(preference->workspace_bytes, value, size_bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return set(preference->a, value, size_bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return set(preference->b, value, size_bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return set(preference->c, value, size_bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return set(preference->d, value, size_bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  *found = 0;
  const Problem problem{.description = *description, .a = *a, .b = *b, .d = *d};
  if (handle == nullptr || wanted < 1 || !sizes_agree(problem)) return CUBLAS_STATUS_INVALID_VALUE;
  if (c->type != d->type || c->leading != d->leading) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (!types_are_supported(problem) || !bias_is_supported(problem)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const Found what = found_for(problem, *preference);
  results[0] = {};
  std::memcpy(&results[0].algo, &what, sizeof(what));
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

namespace {

cublasStatus_t multiply_all(const Problem& problem, const Operands& operands) {
  const DeviceAccess access;
  for (std::int32_t batch = 0; batch < problem.d.batch; ++batch) {
    const cublasStatus_t status = multiply(problem, operands, batch);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  if (handle == nullptr || algorithm == nullptr || c != d) return CUBLAS_STATUS_INVALID_VALUE;
  if (c_layout->leading != d_layout->leading || cudaStreamQuery(stream) != cudaSuccess)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (workspace_bytes > 0 && !is_device_memory(workspace, workspace_bytes))
    return CUBLAS_STATUS_EXECUTION_FAILED;
  const Problem problem{.description = *description, .a = *a_layout, .b = *b_layout, .d = *d_layout};
  const Operands operands{.a = a,
                          .b = b,
                          .d = d,
                          .alpha = *static_cast<const float*>(alpha),
                          .beta = *static_cast<const float*>(beta)};
  Found found{};
  std::memcpy(&found, algorithm, sizeof(found));
  if (!sizes_agree(problem) || !serves(found, problem, operands)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!types_are_supported(problem) || !bias_is_supported(problem)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (cuda_emulation::note_down([=] { multiply_all(problem, operands); })) return CUBLAS_STATUS_SUCCESS;
  return multiply_all(problem, operands);
}
