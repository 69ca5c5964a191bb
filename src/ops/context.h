#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "core/arena.h"
#include "core/thread_team.h"
#include "ops/kernels.h"

namespace facet::ops {

class RecordedRuns;

/// Everything that changes while a model runs: memory, threads, prepared primitives, the wish to stop. A
/// model is const; each worker has a context of its own.
///
/// Threads  one thread at a time
class Context {
 public:
  explicit Context(KernelsPtr kernels, ThreadTeam team = ThreadTeam());
  ~Context();
  Context(Context&&) noexcept;
  Context& operator=(Context&&) noexcept;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] const Kernels& kernels() const { return *kernels_; }
  [[nodiscard]] KernelState& state() { return *state_; }
  [[nodiscard]] const ThreadTeam& team() const { return team_; }
  [[nodiscard]] Arena& arena() { return arena_; }
  /// A tensor from the arena, not initialised; it lies where the kernels work.
  [[nodiscard]] Tensor make(Shape shape, DType dtype = DType::Float32) { return arena_.make(shape, dtype); }
  /// The same in the host's memory, to be filled there and uploaded (ops/transfer.h).
  [[nodiscard]] Tensor make_on_host(Shape shape, DType dtype = DType::Float32) {
    return upload_arena_ ? upload_arena_->make(shape, dtype) : make(shape, dtype);
  }

  /// Functions that a device starts whole.
  [[nodiscard]] RecordedRuns& recorded_runs() { return *recorded_runs_; }
  /// While it lives, tensors come from another arena, and nobody is called between blocks.
  class Recorded {
   public:
    Recorded(Context& ctx, Arena& arena) : ctx_(ctx), arena_(arena) { exchange(); }
    ~Recorded() { exchange(); }
    Recorded(const Recorded&) = delete;
    Recorded& operator=(const Recorded&) = delete;

   private:
    void exchange() {
      std::swap(ctx_.arena_, arena_);
      ctx_.recording_ = !ctx_.recording_;
    }
    Context& ctx_;
    Arena& arena_;
  };

  /// Called with each product just before it is computed, for those who measure (segment/calibration.h).
  using LinearObserver = std::function<void(ConstTensorView x, const PackedLinear& weights)>;
  void set_linear_observer(LinearObserver observer) { linear_observer_ = std::move(observer); }
  [[nodiscard]] const LinearObserver& linear_observer() const { return linear_observer_; }

  /// Waits for all that was begun: kernels of a device run on while their caller goes on.
  void finish() { kernels_->finish(*this); }

  void set_stop(std::stop_token stop) { stop_ = std::move(stop); }
  /// What is called at each of these places, on the thread of the run; it may run another context there.
  void set_between_blocks(std::function<void()> hook) { hook_ = std::move(hook); }
  /// Whether anybody is called there.
  [[nodiscard]] bool gives_way() const { return hook_ && !recording_; }
  /// Called between the blocks of a model, and within long operations, so often that one who waits for the
  /// threads soon gets them.
  /// Errors  StatusError Cancelled once a stop was requested; what the hook throws
  void between_blocks() const;

 private:
  KernelsPtr kernels_;
  std::unique_ptr<KernelState> state_;
  ThreadTeam team_;
  Arena arena_;
  std::optional<Arena> upload_arena_;
  std::unique_ptr<RecordedRuns> recorded_runs_;
  bool recording_ = false;
  std::stop_token stop_;
  std::function<void()> hook_;
  LinearObserver linear_observer_;
};

}  // namespace facet::ops
