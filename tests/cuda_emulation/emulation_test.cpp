#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using cuda_emulation::ThreadOrder;

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), cudaSuccess);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { EXPECT_EQ(cudaFree(data_), cudaSuccess); }

  [[nodiscard]] T* get() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return count_ * sizeof(T); }
  [[nodiscard]] std::vector<T> read() const {
    std::vector<T> values(count_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

std::vector<int> counting(int count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

template <typename Kernel, typename... Args>
void start(dim3 grid, dim3 block, std::size_t shared_bytes, const Kernel& kernel, Args... args) {
  cuda_emulation::run(grid, block, shared_bytes, [&] { kernel(args...); });
}

class CudaEmulation : public testing::Test {
 protected:
  ~CudaEmulation() override {
    cuda_emulation::set_memory_limit(std::size_t{4} << 30);
    cuda_emulation::set_device_count(1);
    cuda_emulation::set_thread_order(ThreadOrder::Alternating);
    cudaGetLastError();
  }
};
using CudaEmulationDeathTest = CudaEmulation;

// ---- execution ----

__global__ void write_number(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned number = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[number] = int(number);
}

TEST_F(CudaEmulation, EveryThreadOfEveryBlockRunsOnceAndKnowsItsPlace) {
  const DeviceArray<int> out(2 * 3 * 2 * 5 * 3 * 2);
  start(dim3(2, 3, 2), dim3(5, 3, 2), 0, write_number, out.get());
  EXPECT_EQ(out.read(), counting(360));
}

__global__ void sum_block(const int* x, int* out) {
  __shared__ int sums[256];
  sums[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  for (unsigned step = blockDim.x / 2; step > 0; step /= 2) {
    if (threadIdx.x < step) sums[threadIdx.x] += sums[threadIdx.x + step];
    __syncthreads();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = sums[0];
}

TEST_F(CudaEmulation, BarriersOrderAReductionInEveryThreadOrder) {
  const DeviceArray<int> x(counting(1024)), out(4);
  for (const ThreadOrder order : {ThreadOrder::Forward, ThreadOrder::Backward, ThreadOrder::Alternating}) {
    cuda_emulation::set_thread_order(order);
    start(dim3(4), dim3(256), 0, sum_block, x.get(), out.get());
    EXPECT_EQ(out.read(), (std::vector<int>{32640, 98176, 163712, 229248}));
  }
}

__global__ void shift_without_barrier(int* out) {
  __shared__ int values[64];
  values[threadIdx.x] = int(blockIdx.x * 64 + threadIdx.x);
  out[blockIdx.x * 64 + threadIdx.x] = values[(threadIdx.x + 63) % 64];
}

TEST_F(CudaEmulation, ThreadOrderShowsAMissingBarrier) {
  const DeviceArray<int> forward(256), backward(256);
  cuda_emulation::set_thread_order(ThreadOrder::Forward);
  start(dim3(4), dim3(64), 0, shift_without_barrier, forward.get());
  cuda_emulation::set_thread_order(ThreadOrder::Backward);
  start(dim3(4), dim3(64), 0, shift_without_barrier, backward.get());
  EXPECT_NE(forward.read(), backward.read());
}

__global__ void sum_of_those_who_stay(int* out, int stay) {
  if (int(threadIdx.x) >= stay) return;
  const int sum = __syncthreads_count(threadIdx.x % 2);
  __syncthreads();
  if (threadIdx.x == 0) *out = sum;
}

TEST_F(CudaEmulation, ThreadsThatLeftDoNotHoldUpABarrier) {
  const DeviceArray<int> out(1);
  for (const int stay : {1, 31, 32, 100, 1024}) {
    start(dim3(1), dim3(1024), 0, sum_of_those_who_stay, out.get(), stay);
    EXPECT_EQ(out.read()[0], stay / 2);
  }
}

__global__ void leave_one_by_one(int* out) {
  for (unsigned left = blockDim.x; left > threadIdx.x; --left) {
    if (threadIdx.x == 0) ++*out;
    __syncthreads();
  }
}

TEST_F(CudaEmulation, AThreadThatLeavesReleasesThoseWhoWait) {
  const DeviceArray<int> out(std::vector<int>{0});
  start(dim3(1), dim3(77), 0, leave_one_by_one, out.get());
  EXPECT_EQ(out.read()[0], 77);
}

__global__ void vote_as_block(int* out, int limit) {
  const int number = int(threadIdx.x);
  const int any = __syncthreads_or(number == limit);
  const int all = __syncthreads_and(number < limit);
  if (number == 0) *out = any * 2 + all;
}

TEST_F(CudaEmulation, BarriersVote) {
  const DeviceArray<int> out(1);
  start(dim3(1), dim3(96), 0, vote_as_block, out.get(), 40);
  EXPECT_EQ(out.read()[0], 2);
  start(dim3(1), dim3(96), 0, vote_as_block, out.get(), 96);
  EXPECT_EQ(out.read()[0], 1);
}

using Exchange = std::function<int(int lane)>;

std::vector<int> of_each_lane(int lanes, const Exchange& exchange) {
  const DeviceArray<int> out(lanes);
  start(
      dim3(1), dim3(lanes), 0, [&](int* to) { to[threadIdx.x] = exchange(int(threadIdx.x)); }, out.get());
  return out.read();
}

std::vector<int> expected_of(int lanes, const Exchange& value) {
  std::vector<int> values(lanes);
  for (int lane = 0; lane < lanes; ++lane) values[lane] = value(lane);
  return values;
}

constexpr unsigned kAll = 0xffffffffU;

TEST_F(CudaEmulation, ShufflesFollowTheirDefinition) {
  EXPECT_EQ(of_each_lane(32, [](int lane) { return __shfl_sync(kAll, lane, 35); }),
            expected_of(32, [](int) { return 3; }));
  EXPECT_EQ(of_each_lane(64, [](int lane) { return __shfl_xor_sync(kAll, lane, 5); }),
            expected_of(64, [](int lane) { return lane ^ 5; }));
  EXPECT_EQ(of_each_lane(32, [](int lane) { return __shfl_up_sync(kAll, lane, 3); }),
            expected_of(32, [](int lane) { return lane < 3 ? lane : lane - 3; }));
  EXPECT_EQ(of_each_lane(32, [](int lane) { return __shfl_down_sync(kAll, lane, 3); }),
            expected_of(32, [](int lane) { return lane > 28 ? lane : lane + 3; }));
}

TEST_F(CudaEmulation, ShufflesStayWithinTheirWidth) {
  EXPECT_EQ(of_each_lane(32, [](int lane) { return __shfl_sync(kAll, lane, 9, 8); }),
            expected_of(32, [](int lane) { return lane / 8 * 8 + 1; }));
  EXPECT_EQ(of_each_lane(32, [](int lane) { return __shfl_up_sync(kAll, lane, 1, 4); }),
            expected_of(32, [](int lane) { return lane % 4 == 0 ? lane : lane - 1; }));
  EXPECT_EQ(of_each_lane(32, [](int lane) { return __shfl_down_sync(kAll, lane, 1, 4); }),
            expected_of(32, [](int lane) { return lane % 4 == 3 ? lane : lane + 1; }));
}

TEST_F(CudaEmulation, ShufflesTakeEveryTypeOfFourOrEightBytes) {
  struct Pair {
    float x, y;
  };
  EXPECT_EQ(of_each_lane(32,
                         [](int lane) {
                           const Pair other = __shfl_xor_sync(kAll, Pair{float(lane), 0.5F}, 1);
                           const double more = __shfl_xor_sync(kAll, double(lane), 1);
                           const auto bf16 = __shfl_xor_sync(kAll, __float2bfloat16(float(lane)), 1);
                           return int(other.x + 2 * other.y + more + __bfloat162float(bf16));
                         }),
            expected_of(32, [](int lane) { return 3 * (lane ^ 1) + 1; }));
}

TEST_F(CudaEmulation, HalvesOfAWarpMeetOnTheirOwn) {
  const auto exchange = [](int lane) {
    if (lane < 16) {
      const int sum = lane + __shfl_xor_sync(0x0000ffffU, lane, 1);
      return sum + __shfl_xor_sync(0x0000ffffU, sum, 2);
    }
    __syncwarp(0xffff0000U);
    return __shfl_xor_sync(0xffff0000U, lane, 4);
  };
  EXPECT_EQ(of_each_lane(32, exchange),
            expected_of(32, [](int lane) { return lane < 16 ? lane / 4 * 16 + 6 : lane ^ 4; }));
}

TEST_F(CudaEmulation, VotesCountLivingLanesOnly) {
  const auto vote = [](int lane) {
    if (lane >= 20) return -1;
    const unsigned odd = __ballot_sync(kAll, lane % 2);
    const int any = __any_sync(kAll, lane == 25), all = __all_sync(kAll, lane < 20);
    return __popc(odd) * 100 + any * 10 + all;
  };
  EXPECT_EQ(of_each_lane(32, vote), expected_of(32, [](int lane) { return lane < 20 ? 1001 : -1; }));
}

TEST_F(CudaEmulation, AShuffleFromAnAbsentLaneReadsPoison) {
  EXPECT_EQ(of_each_lane(8, [](int lane) { return __shfl_sync(kAll, lane, 20); }),
            expected_of(8, [](int) { return -1; }));
}

TEST_F(CudaEmulation, WarpGatherShowsEveryLaneAll) {
  const auto gather = [](int lane) {
    const int mine[3] = {lane, 2 * lane, 3 * lane};
    int all[32][3];
    cuda_emulation::warp_gather(mine, sizeof(mine), all);
    int sum = 0;
    for (int i = 0; i < 32; ++i) sum += all[i][lane % 3] * (i == 7 ? 1000 : 1);
    return sum;
  };
  EXPECT_EQ(of_each_lane(64, gather), expected_of(64, [](int lane) {
              const int times = lane % 3 + 1, warp = lane / 32 * 32;
              int sum = 0;
              for (int i = 0; i < 32; ++i) sum += times * (warp + i) * (i == 7 ? 1000 : 1);
              return sum;
            }));
}

__global__ void count_everything(int* count, unsigned* bits, float* sum, int* most,
                                 unsigned long long* wide) {
  atomicAdd(count, 1);
  atomicOr(bits, 1U << (threadIdx.x % 32));
  atomicAdd(sum, 0.5F);
  atomicMax(most, int(threadIdx.x));
  atomicAdd(wide, 1ULL << 33);
}

TEST_F(CudaEmulation, AtomicsAddUp) {
  const DeviceArray<int> count(std::vector<int>{0}), most(std::vector<int>{-5});
  const DeviceArray<unsigned> bits(std::vector<unsigned>{0});
  const DeviceArray<float> sum(std::vector<float>{0});
  const DeviceArray<unsigned long long> wide(std::vector<unsigned long long>{0});
  start(dim3(10), dim3(100), 0, count_everything, count.get(), bits.get(), sum.get(), most.get(), wide.get());
  EXPECT_EQ(count.read()[0], 1000);
  EXPECT_EQ(bits.read()[0], kAll);
  EXPECT_EQ(sum.read()[0], 500.0F);
  EXPECT_EQ(most.read()[0], 99);
  EXPECT_EQ(wide.read()[0], 1000ULL << 33);
}

TEST_F(CudaEmulation, CompareAndSwapTellsWhatWasThere) {
  int value = 3;
  EXPECT_EQ(atomicCAS(&value, 4, 9), 3);
  EXPECT_EQ(atomicCAS(&value, 3, 9), 3);
  EXPECT_EQ(atomicExch(&value, 1), 9);
  EXPECT_EQ(atomicMin(&value, -2), 1);
  EXPECT_EQ(value, -2);
}

__global__ void look_at_shared(int* clean, int floats) {
  auto* shared = reinterpret_cast<float*>(cuda_emulation::dynamic_shared());
  for (int i = 0; i < floats; ++i) atomicAdd(clean, isnan(shared[i]) ? 1 : 0);
  __syncthreads();
  shared[threadIdx.x] = float(threadIdx.x);
  __syncthreads();
  if (shared[blockDim.x - 1 - threadIdx.x] != float(blockDim.x - 1 - threadIdx.x)) *clean = -1;
}

TEST_F(CudaEmulation, DynamicSharedMemoryIsPoisonedBeforeEachBlock) {
  const DeviceArray<int> clean(std::vector<int>{0});
  start(dim3(3), dim3(64), 64 * sizeof(float), look_at_shared, clean.get(), 64);
  EXPECT_EQ(clean.read()[0], 3 * 64 * 64);
}

TEST_F(CudaEmulation, WhatAKernelThrowsReachesItsCaller) {
  const auto throwing = [] {
    if (threadIdx.x == 40) throw std::runtime_error("from a thread");
    __syncthreads();
  };
  EXPECT_THROW(start(dim3(2), dim3(64), 0, throwing), std::runtime_error);
  const DeviceArray<int> out(1);
  start(dim3(1), dim3(1024), 0, sum_of_those_who_stay, out.get(), 1024);
  EXPECT_EQ(out.read()[0], 512);
}

TEST_F(CudaEmulation, LaunchesThatADeviceRefusesThrow) {
  const auto nothing = [] {};
  EXPECT_THROW(start(dim3(0), dim3(32), 0, nothing), std::invalid_argument);
  EXPECT_THROW(start(dim3(1), dim3(0), 0, nothing), std::invalid_argument);
  EXPECT_THROW(start(dim3(1), dim3(1025), 0, nothing), std::invalid_argument);
  EXPECT_THROW(start(dim3(1), dim3(1, 1, 65), 0, nothing), std::invalid_argument);
  EXPECT_THROW(start(dim3(1, 65536), dim3(1), 0, nothing), std::invalid_argument);
  EXPECT_THROW(start(dim3(1), dim3(1), (227 << 10) + 1, nothing), std::invalid_argument);
  start(dim3(1), dim3(1), 227 << 10, nothing);
}

TEST_F(CudaEmulation, KernelsOfSeveralThreadsTakeTurns) {
  const DeviceArray<int> x(counting(1024));
  constexpr int kCallers = 4, kRounds = 5;
  std::vector<std::jthread> callers;
  callers.reserve(kCallers);
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&] {
      const DeviceArray<int> out(4);
      for (int i = 0; i < kRounds; ++i) start(dim3(4), dim3(256), 0, sum_block, x.get(), out.get());
      EXPECT_EQ(out.read(), (std::vector<int>{32640, 98176, 163712, 229248}));
    });
  }
}

void meet_apart() {
  if (threadIdx.x < 3) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

TEST_F(CudaEmulationDeathTest, ADeadlockTellsWhoWaitsWhere) {
  EXPECT_DEATH(
      start(dim3(1), dim3(64), 0, meet_apart),
      "block \\(0, 0, 0\\): no thread can go on\n.*threads 0 to 2: waits at __syncwarp, .*emulation_test.cpp:"
      ".*\n.*threads 3 to 63: waits at __syncthreads");
}

TEST_F(CudaEmulationDeathTest, LanesThatMeetAtDifferentOperationsAreRefused) {
  EXPECT_DEATH(
      of_each_lane(
          32, [](int lane) { return lane == 0 ? int(__ballot_sync(kAll, 1)) : __shfl_sync(kAll, 1, 0); }),
      "different operations");
  EXPECT_DEATH(of_each_lane(32, [](int lane) { return __shfl_sync(0xffU, lane, 0); }), "mask leaves out");
}

TEST_F(CudaEmulationDeathTest, AnAccessPastSharedMemoryEndsTheProgram) {
  const auto overrun = [] { cuda_emulation::dynamic_shared()[64] = 1; };
  EXPECT_DEATH(start(dim3(1), dim3(1), 64, overrun), "");
}

// ---- memory ----

TEST_F(CudaEmulationDeathTest, TheHostCannotTouchDeviceMemory) {
  const char* protects = std::getenv("FACET_CUDA_EMULATION_PROTECT");
  if (protects != nullptr && std::strcmp(protects, "0") == 0) GTEST_SKIP() << "protection is switched off";
  const DeviceArray<int> x(counting(10));
  EXPECT_DEATH(std::printf("%d", x.get()[3]), "");
  const cuda_emulation::DeviceAccess access;
  EXPECT_EQ(x.get()[3], 3);
}

TEST_F(CudaEmulationDeathTest, AKernelThatLeavesItsAllocationEndsTheProgram) {
  const DeviceArray<int> x(64);
  const auto write_at = [](int* to) { *to = 1; };
  EXPECT_DEATH(start(dim3(1), dim3(1), 0, write_at, x.get() + 64), "");
  int* freed = nullptr;
  ASSERT_EQ(cudaMalloc(&freed, 256), cudaSuccess);
  ASSERT_EQ(cudaFree(freed), cudaSuccess);
  EXPECT_DEATH(start(dim3(1), dim3(1), 0, write_at, freed), "");
}

TEST_F(CudaEmulationDeathTest, FreeingNoticesWhatWasWrittenInTheRounding) {
  char* data = nullptr;
  ASSERT_EQ(cudaMalloc(&data, 100), cudaSuccess);
  const auto overrun_and_free = [&] {
    start(
        dim3(1), dim3(1), 0, [](char* to) { to[100] = 1; }, data);
    cudaFree(data);
  };
  EXPECT_DEATH(overrun_and_free(), "before or after an allocation");
  EXPECT_EQ(cudaFree(data), cudaSuccess);
}

TEST_F(CudaEmulation, NewMemoryIsAlignedAndReadsAsNan) {
  const DeviceArray<float> x(100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.get()) % 256, 0U);
  for (const float value : x.read()) EXPECT_TRUE(std::isnan(value));
}

TEST_F(CudaEmulation, MemoryIsLimited) {
  const std::size_t before = cuda_emulation::memory_in_use();
  cuda_emulation::set_memory_limit(before + 1000);
  void *first = nullptr, *second = nullptr;
  EXPECT_EQ(cudaMalloc(&first, 600), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 600), cudaErrorMemoryAllocation);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  std::size_t free_bytes = 0, total_bytes = 0;
  EXPECT_EQ(cudaMemGetInfo(&free_bytes, &total_bytes), cudaSuccess);
  EXPECT_EQ(free_bytes, 400U);
  EXPECT_EQ(cudaFree(first), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 600), cudaSuccess);
  EXPECT_EQ(cudaFree(second), cudaSuccess);
  EXPECT_EQ(cuda_emulation::memory_in_use(), before);
}

TEST_F(CudaEmulation, BlocksOfAllSizesLieApart) {
  std::vector<void*> blocks;
  for (std::size_t size_bytes = 1; size_bytes < std::size_t{32} << 20; size_bytes = size_bytes * 3 + 1) {
    void* block = nullptr;
    ASSERT_EQ(cudaMalloc(&block, size_bytes), cudaSuccess);
    ASSERT_TRUE(cuda_emulation::is_device_memory(block, size_bytes));
    EXPECT_FALSE(cuda_emulation::is_device_memory(block, size_bytes + 1));
    EXPECT_EQ(cudaMemset(block, 1, size_bytes), cudaSuccess);
    blocks.push_back(block);
  }
  for (void* block : blocks) EXPECT_EQ(cudaFree(block), cudaSuccess);
}

TEST_F(CudaEmulation, FreeRefusesWhatIsNotAnAllocation) {
  const DeviceArray<int> x(100);
  int local = 0;
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_EQ(cudaFree(&local), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(x.get() + 1), cudaErrorInvalidValue);
}

TEST_F(CudaEmulation, CopiesCheckOnWhichSideTheirPointersLie) {
  const DeviceArray<int> x(counting(10)), y(10);
  int host[10] = {};
  EXPECT_EQ(cudaMemcpy(host, x.get(), 40, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.get(), host, 40, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, x.get(), 44, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(y.get(), host, 40, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(y.get(), host, 40, cudaMemcpyHostToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(host, 0, 40), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(y.get(), x.get(), 40, cudaMemcpyDeviceToDevice), cudaSuccess);
  EXPECT_EQ(y.read(), counting(10));
  EXPECT_EQ(cudaMemcpy(host, y.get() + 4, 24, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(host[5], 9);
}

TEST_F(CudaEmulation, RowsAreCopiedBetweenPitches) {
  const DeviceArray<int> x(counting(12));
  int host[2][5] = {};
  EXPECT_EQ(cudaMemcpy2DAsync(host, 20, x.get() + 1, 24, 12, 2, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host[0][2], 3);
  EXPECT_EQ(host[0][3], 0);
  EXPECT_EQ(host[1][0], 7);
  EXPECT_EQ(cudaMemcpy2DAsync(host, 8, x.get(), 24, 12, 2, cudaMemcpyDeviceToHost),
            cudaErrorInvalidPitchValue);
}

TEST_F(CudaEmulation, PointersTellTheirKind) {
  const DeviceArray<int> x(10);
  int local = 0, *pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, 100), cudaSuccess);
  cudaPointerAttributes attributes{};
  const auto type_of = [&](const void* pointer) {
    EXPECT_EQ(cudaPointerGetAttributes(&attributes, pointer), cudaSuccess);
    return attributes.type;
  };
  EXPECT_EQ(type_of(x.get() + 9), cudaMemoryTypeDevice);
  EXPECT_EQ(type_of(&local), cudaMemoryTypeUnregistered);
  EXPECT_EQ(type_of(pinned + 24), cudaMemoryTypeHost);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(&local), cudaErrorInvalidValue);
}

// ---- the runtime ----

TEST_F(CudaEmulation, StreamsAndEventsAreHandles) {
  cudaStream_t stream = nullptr;
  cudaEvent_t first = nullptr, last = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&first), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&last), cudaSuccess);
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, first, last), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventRecord(first, stream), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(last, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(stream, last), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, first, last), cudaSuccess);
  EXPECT_GE(milliseconds, 0.0F);
  EXPECT_EQ(cudaEventDestroy(first), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(last), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
}

TEST_F(CudaEmulation, TheDeviceCanBeTakenAway) {
  int count = -1;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  cudaDeviceProp properties{};
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_STREQ(properties.name, "CUDA emulated on the CPU");
  cuda_emulation::set_device_count(0);
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  void* pointer = nullptr;
  EXPECT_EQ(cudaMalloc(&pointer, 10), cudaErrorNoDevice);
  EXPECT_STREQ(cudaGetErrorString(cudaErrorNoDevice), "no CUDA-capable device is detected");
}

// ---- the types ----

TEST(EmulatedBFloat16, RoundsToTheNearestEven) {
  const auto rounded = [](std::uint32_t bits) {
    return __bfloat16_as_ushort(__float2bfloat16(__uint_as_float(bits)));
  };
  EXPECT_EQ(rounded(0x3f808000), 0x3f80);
  EXPECT_EQ(rounded(0x3f818000), 0x3f82);
  EXPECT_EQ(rounded(0x3f808001), 0x3f81);
  EXPECT_EQ(rounded(0x7f7fffff), 0x7f80);
  EXPECT_EQ(rounded(0xff800000), 0xff80);
  EXPECT_EQ(rounded(0x7f800001), 0x7fff);
  const __nv_bfloat162 pair = __floats2bfloat162_rn(1.0F, -2.0F);
  EXPECT_EQ(__low2float(pair), 1.0F);
  EXPECT_EQ(__high2float(pair), -2.0F);
  std::uint32_t bits = 0;
  std::memcpy(&bits, &pair, sizeof(bits));
  EXPECT_EQ(bits, 0xc0003f80U);
}

TEST(EmulatedHalf, ConvertsThereAndBack) {
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const __half value = __ushort_as_half(static_cast<unsigned short>(bits));
    ASSERT_EQ(__half_as_ushort(__float2half(__half2float(value))), bits);
  }
  EXPECT_EQ(__half_as_ushort(__float2half(65519.0F)), 0x7bff);
  EXPECT_EQ(__half_as_ushort(__float2half(65520.0F)), 0x7c00);
  EXPECT_EQ(__half_as_ushort(__float2half(-1.0F - 1.0F / 2048)), 0xbc00);
  EXPECT_EQ(__half_as_ushort(__float2half(1.0F + 3.0F / 2048)), 0x3c02);
  EXPECT_TRUE(std::isnan(__half2float(__float2half(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(EmulatedFunctions, CountBitsAsTheDeviceDoes) {
  EXPECT_EQ(__popc(0xf0U), 4);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(8), 4);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(max(-1, 2U), 0xffffffffU);
  EXPECT_EQ(min(3LL, 2), 2);
  EXPECT_EQ(max(std::nanf(""), 2.0F), 2.0F);
}

}  // namespace
