#include "cuda_emulation/runtime_api.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "cuda_emulation/control.h"
#include "device_memory.h"
#include "graph.h"

struct CUstream_st {};
struct CUevent_st {
  bool timed = true;
  bool recorded = false;
  std::chrono::steady_clock::time_point when;
};

namespace cuda_emulation {
namespace {

constexpr int kSharedOptIn = 227 << 10, kSharedAtFirst = 48 << 10, kSharedOfProcessor = 228 << 10;
constexpr int kMultiprocessors = 2;
constexpr int kVersion = 12040;

thread_local cudaError_t t_last_error = cudaSuccess;
thread_local int t_device = 0;

cudaError_t noted(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) t_last_error = error;
  return error;
}

template <typename Object>
class Handles {
 public:
  Object* make() {
    auto object = std::make_unique<Object>();
    Object* handle = object.get();
    objects_[handle] = std::move(object);
    return handle;
  }
  bool drop(Object* handle) { return objects_.erase(handle) == 1; }
  [[nodiscard]] bool has(Object* handle) const { return objects_.contains(handle); }

 private:
  std::map<Object*, std::unique_ptr<Object>> objects_;
};

struct Runtime {
  int device_count = 1;
  Handles<CUstream_st> streams;
  Handles<CUevent_st> events;
  std::map<const void*, std::size_t, std::greater<>> host_blocks;
};

Runtime& runtime() {
  static Runtime state;
  return state;
}

class Locked {
 public:
  Runtime* operator->() const { return &runtime(); }

 private:
  std::scoped_lock<std::recursive_mutex> lock_{emulation_mutex()};
};

bool is_stream(cudaStream_t stream) { return stream == nullptr || runtime().streams.has(stream); }

enum class Side { Host, Device, Any };

bool fits(const void* pointer, std::size_t size_bytes, Side side) {
  const DeviceMemory& memory = DeviceMemory::instance();
  const bool in_device = memory.contains(pointer, size_bytes);
  const bool in_host = pointer != nullptr && !memory.touches(pointer, size_bytes);
  return side == Side::Device ? in_device : side == Side::Host ? in_host : in_device || in_host;
}

Side side_of_target(cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return Side::Any;
  return kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice ? Side::Device : Side::Host;
}
Side side_of_source(cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return Side::Any;
  return kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice ? Side::Device : Side::Host;
}

struct Rows {
  std::size_t width;
  std::size_t height;
};

struct Copy {
  void* to;
  std::size_t to_pitch;
  const void* from;
  std::size_t from_pitch;
  Rows rows;
  cudaMemcpyKind kind;
};

std::size_t extent(std::size_t pitch, Rows rows) { return pitch * (rows.height - 1) + rows.width; }

cudaError_t copy(const Copy& what, cudaStream_t stream) {
  const DeviceAccess access;
  if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (what.kind < cudaMemcpyHostToHost || what.kind > cudaMemcpyDefault)
    return cudaErrorInvalidMemcpyDirection;
  if (what.rows.width == 0 || what.rows.height == 0) return cudaSuccess;
  if (what.to_pitch < what.rows.width || what.from_pitch < what.rows.width) return cudaErrorInvalidPitchValue;
  const bool valid = fits(what.to, extent(what.to_pitch, what.rows), side_of_target(what.kind)) &&
                     fits(what.from, extent(what.from_pitch, what.rows), side_of_source(what.kind));
  if (!valid) return cudaErrorInvalidValue;
  auto* to = static_cast<unsigned char*>(what.to);
  const auto* from = static_cast<const unsigned char*>(what.from);
  for (std::size_t row = 0; row < what.rows.height; ++row) {
    std::memmove(to + row * what.to_pitch, from + row * what.from_pitch, what.rows.width);
  }
  return cudaSuccess;
}

cudaError_t fill(void* to, int value, std::size_t size_bytes, cudaStream_t stream) {
  const DeviceAccess access;
  if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (size_bytes == 0) return cudaSuccess;
  if (!DeviceMemory::instance().contains(to, size_bytes)) return cudaErrorInvalidValue;
  std::memset(to, value, size_bytes);
  return cudaSuccess;
}

cudaError_t expect_device_number(int device) {
  const Locked state;
  if (state->device_count == 0) return cudaErrorNoDevice;
  return device >= 0 && device < state->device_count ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaDeviceProp properties_of_device() {
  cudaDeviceProp device{};
  std::snprintf(device.name, sizeof(device.name), "CUDA emulated on the CPU");
  device.totalGlobalMem = DeviceMemory::instance().limit();
  device.sharedMemPerBlock = kSharedAtFirst;
  device.sharedMemPerBlockOptin = kSharedOptIn;
  device.sharedMemPerMultiprocessor = kSharedOfProcessor;
  device.regsPerBlock = 65536;
  device.warpSize = 32;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiProcessor = 2048;
  device.major = 9;
  device.multiProcessorCount = kMultiprocessors;
  device.l2CacheSize = 50 << 20;
  return device;
}

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

constexpr ErrorText kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidPitchValue, "cudaErrorInvalidPitchValue", "invalid pitch argument"},
    {cudaErrorInvalidDevicePointer, "cudaErrorInvalidDevicePointer", "invalid device pointer"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice",
     "no kernel image is available for execution on the device"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
     "too many resources requested for launch"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const ErrorText& text_of(cudaError_t error) {
  static constexpr ErrorText kUnrecognized = {cudaErrorUnknown, "unrecognized error code",
                                              "unrecognized error code"};
  const auto* found = std::ranges::find(kErrors, error, &ErrorText::error);
  return found == std::end(kErrors) ? kUnrecognized : *found;
}

}  // namespace

void set_device_count(int count) {
  const Locked state;
  state->device_count = count;
}

}  // namespace cuda_emulation

using namespace cuda_emulation;  // NOLINT(google-build-using-namespace): what follows is NVIDIA's interface

const char* cudaGetErrorName(cudaError_t error) { return text_of(error).name; }
const char* cudaGetErrorString(cudaError_t error) { return text_of(error).text; }

cudaError_t cudaPeekAtLastError() { return t_last_error; }
cudaError_t cudaGetLastError() {
  const cudaError_t error = t_last_error;
  t_last_error = cudaSuccess;
  return error;
}

cudaError_t cudaGetDeviceCount(int* count) {
  const Locked state;
  *count = state->device_count;
  return noted(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}

cudaError_t cudaGetDevice(int* device) {
  *device = t_device;
  return noted(expect_device_number(t_device));
}

cudaError_t cudaSetDevice(int device) {
  const cudaError_t error = expect_device_number(device);
  if (error == cudaSuccess) t_device = device;
  return noted(error);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const Locked state;
  *properties = properties_of_device();
  return noted(expect_device_number(device));
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  static const std::map<cudaDeviceAttr, int> values = {
      {cudaDevAttrMaxThreadsPerBlock, 1024},
      {cudaDevAttrMaxSharedMemoryPerBlock, kSharedAtFirst},
      {cudaDevAttrWarpSize, 32},
      {cudaDevAttrMultiProcessorCount, kMultiprocessors},
      {cudaDevAttrComputeCapabilityMajor, 9},
      {cudaDevAttrComputeCapabilityMinor, 0},
      {cudaDevAttrMaxSharedMemoryPerMultiprocessor, kSharedOfProcessor},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, kSharedOptIn},
  };
  const auto found = values.find(attribute);
  if (found == values.end()) return noted(cudaErrorInvalidValue);
  *value = found->second;
  return noted(expect_device_number(device));
}

cudaError_t cudaDeviceSynchronize() { return noted(expect_device_number(t_device)); }
cudaError_t cudaDeviceReset() { return cudaSuccess; }

cudaError_t cudaDriverGetVersion(int* version) {
  const Locked state;
  *version = state->device_count == 0 ? 0 : kVersion;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  const Locked state;
  const DeviceMemory& memory = DeviceMemory::instance();
  *total_bytes = memory.limit();
  *free_bytes = memory.limit() - std::min(memory.limit(), memory.in_use());
  return noted(expect_device_number(t_device));
}

cudaError_t cudaMalloc(void** pointer, std::size_t size_bytes) {
  const Locked state;
  if (pointer == nullptr) return noted(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (state->device_count == 0) return noted(cudaErrorNoDevice);
  if (size_bytes == 0) return cudaSuccess;
  *pointer = DeviceMemory::instance().allocate(size_bytes);
  return noted(*pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFree(void* pointer) {
  const Locked state;
  if (pointer == nullptr || DeviceMemory::instance().release(pointer)) return cudaSuccess;
  return noted(cudaErrorInvalidValue);
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t size_bytes, cudaStream_t stream) {
  const Locked state;
  return is_stream(stream) ? cudaMalloc(pointer, size_bytes) : noted(cudaErrorInvalidResourceHandle);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  const Locked state;
  return is_stream(stream) ? cudaFree(pointer) : noted(cudaErrorInvalidResourceHandle);
}

cudaError_t cudaMallocHost(void** pointer, std::size_t size_bytes) {
  const Locked state;
  *pointer = nullptr;
  if (size_bytes == 0) return cudaSuccess;
  *pointer = ::operator new (size_bytes, std::align_val_t{4096}, std::nothrow);
  if (*pointer == nullptr) return noted(cudaErrorMemoryAllocation);
  state->host_blocks[*pointer] = size_bytes;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t size_bytes, unsigned /*flags*/) {
  return cudaMallocHost(pointer, size_bytes);
}

cudaError_t cudaFreeHost(void* pointer) {
  const Locked state;
  if (pointer == nullptr) return cudaSuccess;
  if (state->host_blocks.erase(pointer) == 0) return noted(cudaErrorInvalidValue);
  ::operator delete (pointer, std::align_val_t{4096});
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  const Locked state;
  *attributes = {
      .type = cudaMemoryTypeUnregistered, .device = -1, .devicePointer = nullptr, .hostPointer = nullptr};
  auto* address = const_cast<void*>(pointer);
  if (DeviceMemory::instance().contains(pointer, 1)) {
    *attributes = {
        .type = cudaMemoryTypeDevice, .device = 0, .devicePointer = address, .hostPointer = nullptr};
    return cudaSuccess;
  }
  const auto block = state->host_blocks.lower_bound(pointer);
  if (block == state->host_blocks.end()) return cudaSuccess;
  if (static_cast<const char*>(pointer) < static_cast<const char*>(block->first) + block->second) {
    *attributes = {.type = cudaMemoryTypeHost, .device = 0, .devicePointer = address, .hostPointer = address};
  }
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size_bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (cuda_emulation::note_down([=] { cudaMemcpyAsync(to, from, size_bytes, kind, stream); }))
    return cudaSuccess;
  return noted(copy({.to = to,
                     .to_pitch = size_bytes,
                     .from = from,
                     .from_pitch = size_bytes,
                     .rows = {.width = size_bytes, .height = 1},
                     .kind = kind},
                    stream));
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t size_bytes, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(to, from, size_bytes, kind, nullptr);
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return noted(copy({.to = to,
                     .to_pitch = to_pitch,
                     .from = from,
                     .from_pitch = from_pitch,
                     .rows = {.width = width, .height = height},
                     .kind = kind},
                    stream));
}

cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                         std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  return cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t size_bytes, cudaStream_t stream) {
  if (cuda_emulation::note_down([=] { cudaMemsetAsync(to, value, size_bytes, stream); })) return cudaSuccess;
  return noted(fill(to, value, size_bytes, stream));
}
cudaError_t cudaMemset(void* to, int value, std::size_t size_bytes) {
  return cudaMemsetAsync(to, value, size_bytes, nullptr);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Locked state;
  *stream = nullptr;
  if (flags > cudaStreamNonBlocking) return noted(cudaErrorInvalidValue);
  if (state->device_count == 0) return noted(cudaErrorNoDevice);
  *stream = state->streams.make();
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Locked state;
  return noted(state->streams.drop(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Locked state;
  return noted(is_stream(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  const Locked state;
  return noted(is_stream(stream) && state->events.has(event) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Locked state;
  *event = nullptr;
  if (state->device_count == 0) return noted(cudaErrorNoDevice);
  *event = state->events.make();
  (*event)->timed = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Locked state;
  return noted(state->events.drop(event) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Locked state;
  if (!is_stream(stream) || !state->events.has(event)) return noted(cudaErrorInvalidResourceHandle);
  event->recorded = true;
  event->when = std::chrono::steady_clock::now();
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Locked state;
  return noted(state->events.has(event) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Locked state;
  if (!state->events.has(start) || !state->events.has(end)) return noted(cudaErrorInvalidResourceHandle);
  const bool timed = start->timed && end->timed && start->recorded && end->recorded;
  if (!timed) return noted(cudaErrorInvalidResourceHandle);
  *milliseconds = std::chrono::duration<float, std::milli>(end->when - start->when).count();
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  if (function == nullptr || value < 0) return noted(cudaErrorInvalidValue);
  const bool possible = attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value <= kSharedOptIn;
  return noted(possible ? cudaSuccess : cudaErrorInvalidValue);
}
