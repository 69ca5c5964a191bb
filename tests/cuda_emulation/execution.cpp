#include "cuda_emulation/execution.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cuda_emulation/control.h"
#include "device_memory.h"
#include "fiber.h"
#include "graph.h"

uint3 threadIdx{};
uint3 blockIdx{};
dim3 blockDim;
dim3 gridDim;

namespace cuda_emulation {
namespace {

constexpr unsigned kMaxThreads = 1024;
constexpr std::size_t kMaxShared = 227 << 10;
constexpr int kPoison = 0xff;

struct Thread {
  uint3 index{};
  int number = 0;
  Fiber* fiber = nullptr;
  bool finished = false;
  const char* waits_at = nullptr;
  const WarpRequest* request = nullptr;  ///< while it waits for its warp
  Location where;
};

struct Warp {
  unsigned living = 0;
  unsigned waiting = 0;
};

struct Barrier {
  int waiting = 0;
  int agreed = 0;
  BarrierResult result{};
};

std::string state_of(const Thread& thread) {
  const WarpRequest* request = thread.request;
  const char* name = request != nullptr ? request->name : thread.waits_at;
  if (thread.finished) return "finished";
  if (name == nullptr) return "can run";
  const Location& where = request != nullptr ? request->where : thread.where;
  std::string text = std::string("waits at ") + name + ", " + where.file + ":" + std::to_string(where.line);
  if (request == nullptr) return text;
  char mask[32];
  std::snprintf(mask, sizeof(mask), ", mask 0x%08x", request->mask);
  return text + mask;
}

/// First in, first out.
class ReadyThreads {
 public:
  [[nodiscard]] bool empty() const { return next_ == threads_.size(); }
  void push(Thread& thread) {
    if (next_ > kMaxThreads) forget_popped();
    threads_.push_back(&thread);
  }
  Thread& pop() { return *threads_[next_++]; }
  void clear() {
    threads_.clear();
    next_ = 0;
  }

 private:
  void forget_popped() {
    threads_.erase(threads_.begin(), threads_.begin() + std::ptrdiff_t(next_));
    next_ = 0;
  }

  std::vector<Thread*> threads_;
  std::size_t next_ = 0;
};

using Requests = std::array<const WarpRequest*, kWarpLanes>;  ///< null for a lane that does not take part

void shuffle_lanes(const Requests& requests) {
  for (const WarpRequest* request : requests) {
    if (request == nullptr) continue;
    const WarpRequest* source = requests[request->source];
    if (source != nullptr) {
      std::memcpy(request->out, source->in, request->size_bytes);
    } else {
      std::memset(request->out, kPoison, request->size_bytes);
    }
  }
}

void count_votes(const Requests& requests) {
  unsigned votes = 0;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const bool agrees = requests[lane] != nullptr && *static_cast<const bool*>(requests[lane]->in);
    votes |= unsigned(agrees) << lane;
  }
  for (const WarpRequest* request : requests) {
    if (request != nullptr) std::memcpy(request->out, &votes, sizeof(votes));
  }
}

void gather_lanes(const Requests& requests) {
  const WarpRequest& any =
      **std::ranges::find_if(requests, [](const auto* request) { return request != nullptr; });
  std::vector<unsigned char> all(kWarpLanes * any.size_bytes, kPoison);
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (requests[lane] != nullptr)
      std::memcpy(&all[lane * any.size_bytes], requests[lane]->in, any.size_bytes);
  }
  for (const WarpRequest* request : requests) {
    if (request != nullptr) std::memcpy(request->out, all.data(), all.size());
  }
}

void run_fiber();

/// Runs blocks, each thread of one on a fiber. Whoever cannot go on picks the next: a thread that became
/// ready, else one not begun, else the launch itself.
class Scheduler {
 public:
  static Scheduler& instance();

  void run_block(const std::function<void()>& body, bool backward);
  void shape_threads(dim3 block);

  [[nodiscard]] const Thread& current() const { return *current_; }
  [[nodiscard]] unsigned living_lanes() const { return warp_of(*current_).living; }
  void meet(const WarpRequest& request);
  BarrierResult meet_block(bool predicate, const char* name, const Location& where);

  void run_threads();

 private:
  [[nodiscard]] const Warp& warp_of(const Thread& thread) const { return warps_[thread.number / kWarpLanes]; }
  Warp& warp_of(const Thread& thread) { return warps_[thread.number / kWarpLanes]; }
  Thread& thread_at(const Warp& warp, int lane) {
    return threads_[(&warp - warps_.data()) * kWarpLanes + lane];
  }

  void begin(Thread& thread);
  void finish(Thread& thread);
  void wait(Thread& thread, const char* name, const Location& where);
  void wake(Thread& thread);
  Fiber& next_fiber();
  Fiber& idle_fiber();
  void release_barrier();
  bool complete(Warp& warp, unsigned mask);
  void complete_waiting(Warp& warp);
  void deliver(Warp& warp, unsigned lanes);
  void expect_same(Warp& warp, unsigned lanes, unsigned mask);
  void drop_fibers();
  [[noreturn]] void die(const std::string& why) const;

  Fiber launch_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* running_ = nullptr;

  const std::function<void()>* body_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  ReadyThreads ready_;
  Thread* current_ = nullptr;
  int count_ = 0;
  int begun_ = 0;
  int living_ = 0;
  bool backward_ = false;
  Barrier barrier_;
  std::exception_ptr error_;
};

Scheduler& Scheduler::instance() {
  static Scheduler scheduler;
  return scheduler;
}

void run_fiber() {
  Fiber::arrive();
  for (;;) Scheduler::instance().run_threads();
}

void Scheduler::shape_threads(dim3 block) {
  count_ = int(block.x * block.y * block.z);
  threads_.assign(count_, {});
  for (int i = 0; i < count_; ++i) {
    const unsigned row = unsigned(i) / block.x;
    threads_[i].number = i;
    threads_[i].index = {unsigned(i) % block.x, row % block.y, row / block.y};
  }
  warps_.assign((count_ + kWarpLanes - 1) / kWarpLanes, {});
}

void Scheduler::run_block(const std::function<void()>& body, bool backward) {
  body_ = &body;
  backward_ = backward;
  begun_ = 0;
  living_ = count_;
  barrier_ = {};
  for (Thread& thread : threads_) thread.finished = false;
  for (Warp& warp : warps_) warp = {.living = kFullWarp};
  if (const int last = count_ % kWarpLanes; last != 0) warps_.back().living = (1U << last) - 1;
  running_ = &idle_fiber();
  Fiber::change(launch_, *running_);
  if (error_ == nullptr) return;
  drop_fibers();
  std::rethrow_exception(std::exchange(error_, nullptr));
}

void Scheduler::drop_fibers() {
  ready_.clear();
  idle_.clear();
  for (const auto& fiber : fibers_) {
    fiber->restart();
    idle_.push_back(fiber.get());
  }
}

/// One turn of a fiber: threads from beginning to end until one that waited can go on, which has precedence
/// so that few stacks are alive at once.
void Scheduler::run_threads() {
  while (begun_ < count_ && ready_.empty() && error_ == nullptr) {
    Thread& thread = threads_[backward_ ? count_ - 1 - begun_ : begun_];
    begin(thread);
    try {
      (*body_)();
    } catch (...) {
      error_ = std::current_exception();
    }
    finish(thread);
  }
  Fiber& mine = *running_;
  idle_.push_back(&mine);
  Fiber& next = next_fiber();
  if (&next == &mine) return;
  Fiber::change(mine, next);
}

void Scheduler::begin(Thread& thread) {
  ++begun_;
  thread.fiber = running_;
  current_ = &thread;
  threadIdx = thread.index;
}

void Scheduler::finish(Thread& thread) {
  thread.finished = true;
  --living_;
  if (barrier_.waiting > 0 && barrier_.waiting == living_) release_barrier();
  Warp& warp = warp_of(thread);
  warp.living &= ~(1U << (thread.number % kWarpLanes));
  if (warp.waiting != 0) complete_waiting(warp);
}

Fiber& Scheduler::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(run_fiber, fibers_.size()));
    idle_.push_back(fibers_.back().get());
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  return fiber;
}

Fiber& Scheduler::next_fiber() {
  if (error_ != nullptr) return launch_;
  if (!ready_.empty()) {
    running_ = ready_.pop().fiber;
  } else if (begun_ < count_) {
    running_ = &idle_fiber();
  } else if (living_ == 0) {
    return launch_;
  } else {
    die("no thread can go on");
  }
  return *running_;
}

void Scheduler::wait(Thread& thread, const char* name, const Location& where) {
  thread.waits_at = name;
  thread.where = where;
  Fiber& next = next_fiber();
  if (&next != thread.fiber) Fiber::change(*thread.fiber, next);
  current_ = &thread;
  threadIdx = thread.index;
}

void Scheduler::wake(Thread& thread) {
  thread.waits_at = nullptr;
  ready_.push(thread);
}

void Scheduler::release_barrier() {
  barrier_ = {.result = {.arrived = barrier_.waiting, .agreed = barrier_.agreed}};
  for (int i = 0; i < count_; ++i) {
    Thread& thread = threads_[backward_ ? count_ - 1 - i : i];
    if (thread.waits_at != nullptr && thread.request == nullptr) wake(thread);
  }
}

BarrierResult Scheduler::meet_block(bool predicate, const char* name, const Location& where) {
  Thread& me = *current_;
  ++barrier_.waiting;
  barrier_.agreed += predicate ? 1 : 0;
  if (barrier_.waiting == living_) {
    me.waits_at = name;
    release_barrier();
  }
  wait(me, name, where);
  return barrier_.result;
}

void Scheduler::meet(const WarpRequest& request) {
  Thread& me = *current_;
  Warp& warp = warp_of(me);
  const unsigned mine = 1U << (me.number % kWarpLanes);
  me.request = &request;
  warp.waiting |= mine;
  if ((request.mask & mine) == 0) die(std::string(request.name) + " by a lane that its mask leaves out");
  if (complete(warp, request.mask)) return;
  wait(me, request.name, request.where);
}

/// Whether all living lanes of the mask have come; if so they have their answers and the others can go on.
bool Scheduler::complete(Warp& warp, unsigned mask) {
  const unsigned arrived = warp.waiting & mask;
  if (arrived != (warp.living & mask)) return false;
  expect_same(warp, arrived, mask);
  deliver(warp, arrived);
  warp.waiting &= ~arrived;
  for (unsigned left = arrived; left != 0; left &= left - 1) {
    Thread& thread = thread_at(warp, std::countr_zero(left));
    thread.request = nullptr;
    if (&thread != current_) wake(thread);
  }
  return true;
}

/// After a lane left the kernel: those that waited only for it can go on.
void Scheduler::complete_waiting(Warp& warp) {
  for (unsigned left = warp.waiting; left != 0;) {
    const unsigned mask = thread_at(warp, std::countr_zero(left)).request->mask;
    complete(warp, mask);
    left &= ~mask;
  }
}

void Scheduler::expect_same(Warp& warp, unsigned lanes, unsigned mask) {
  const WarpRequest& first = *thread_at(warp, std::countr_zero(lanes)).request;
  for (unsigned left = lanes; left != 0; left &= left - 1) {
    Thread& thread = thread_at(warp, std::countr_zero(left));
    const WarpRequest& other = *thread.request;
    const bool same =
        other.mask == mask && other.operation == first.operation && other.size_bytes == first.size_bytes;
    if (!same) die("lanes of one warp met at different operations or with different masks");
  }
}

void Scheduler::deliver(Warp& warp, unsigned lanes) {
  Requests requests{};
  for (unsigned left = lanes; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    requests[lane] = thread_at(warp, lane).request;
  }
  switch (requests[std::countr_zero(lanes)]->operation) {
    case WarpOperation::Sync:
      return;
    case WarpOperation::Shuffle:
      return shuffle_lanes(requests);
    case WarpOperation::Ballot:
      return count_votes(requests);
    case WarpOperation::Gather:
      return gather_lanes(requests);
  }
}

void Scheduler::die(const std::string& why) const {
  std::fprintf(stderr, "cuda_emulation: block (%u, %u, %u): %s\n", blockIdx.x, blockIdx.y, blockIdx.z,
               why.c_str());
  for (int begin = 0; begin < count_;) {
    const std::string text = state_of(threads_[begin]);
    int end = begin + 1;
    while (end < count_ && state_of(threads_[end]) == text) ++end;
    std::fprintf(stderr, "  threads %d to %d: %s\n", begin, end - 1, text.c_str());
    begin = end;
  }
  std::abort();
}

/// Ends at a page that cannot be accessed.
class SharedMemory {
 public:
  SharedMemory() {
    void* pages = mmap(nullptr, kPages + kGuard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) std::abort();
    end_ = static_cast<unsigned char*>(pages) + kPages;
    mprotect(end_, kGuard, PROT_NONE);
  }
  void poison(std::size_t size_bytes) {
    start_ = end_ - (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
    std::memset(start_, kPoison, end_ - start_);
  }
  [[nodiscard]] unsigned char* start() const { return start_; }

 private:
  static constexpr std::size_t kPages = 228 << 10, kGuard = 4096, kAlignment = 16;
  unsigned char* end_;
  unsigned char* start_ = nullptr;
};

SharedMemory& shared_memory() {
  static SharedMemory memory;
  return memory;
}

ThreadOrder g_order = ThreadOrder::Alternating;
std::size_t g_launches = 0;

bool goes_backward(std::size_t block) {
  return g_order == ThreadOrder::Backward || (g_order == ThreadOrder::Alternating && block % 2 == 1);
}

std::string text_of(dim3 size) {
  return std::to_string(size.x) + " x " + std::to_string(size.y) + " x " + std::to_string(size.z);
}

void expect_launchable(dim3 grid, dim3 block, std::size_t shared_bytes) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  const bool block_fits = threads > 0 && threads <= kMaxThreads && block.z <= 64;
  const bool grid_fits = std::uint64_t{grid.x} * grid.y * grid.z > 0 && grid.x <= 0x7fffffffU &&
                         grid.y <= 65535 && grid.z <= 65535;
  if (block_fits && grid_fits && shared_bytes <= kMaxShared) return;
  throw std::invalid_argument("no device takes a launch of grid " + text_of(grid) + ", block " +
                              text_of(block) + ", " + std::to_string(shared_bytes) +
                              " bytes of shared memory");
}

}  // namespace

void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body) {
  expect_launchable(grid, block, shared_bytes);
  if (note_down([=] { run(grid, block, shared_bytes, body); })) return;
  const DeviceAccess access;
  Scheduler& scheduler = Scheduler::instance();
  gridDim = grid;
  blockDim = block;
  scheduler.shape_threads(block);
  ++g_launches;
  std::size_t number = 0;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        shared_memory().poison(shared_bytes);
        scheduler.run_block(body, goes_backward(number++));
      }
    }
  }
}

unsigned char* dynamic_shared() { return shared_memory().start(); }

void meet(const WarpRequest& request) { Scheduler::instance().meet(request); }
BarrierResult meet_block(bool predicate, const char* name, const Location& where) {
  return Scheduler::instance().meet_block(predicate, name, where);
}
int lane() { return Scheduler::instance().current().number % kWarpLanes; }
unsigned living_lanes() { return Scheduler::instance().living_lanes(); }

std::size_t launch_count() {
  const std::scoped_lock lock(emulation_mutex());
  return g_launches;
}

void set_thread_order(ThreadOrder order) {
  const std::scoped_lock lock(emulation_mutex());
  g_order = order;
}

}  // namespace cuda_emulation
