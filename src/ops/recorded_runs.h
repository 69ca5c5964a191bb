#pragma once

#include <list>

#include "ops/context.h"

namespace facet::ops {

/// Functions of tensors that a context runs over and over. On a device, the third run on the same shapes is
/// written down and from then on started whole (a CUDA graph): hundreds of kernels for the price of one. What
/// it needs of the memory is then kept for it alone, so only the last few are kept. On the host nothing is
/// written down.
///
/// Threads  those of the context
class RecordedRuns {
 public:
  using Inputs = std::vector<ConstTensorView>;
  using Run = std::function<std::vector<Tensor>(const Inputs& inputs)>;
  /// `owner` and `variant` tell functions apart; what `run` reads besides its inputs does not change while
  /// the owner lives, and the owner outlives the context. Empty inputs and outputs stay empty.
  struct Function {
    const void* owner = nullptr;
    int variant = 0;
    Run run;
  };

  /// run(inputs). Inputs and outputs are float32 and lie where the operations work.
  [[nodiscard]] std::vector<Tensor> call(Context& ctx, const Function& function, const Inputs& inputs);

 private:
  struct Entry {
    const void* owner = nullptr;
    int variant = 0;
    std::vector<Shape> shapes;
    int calls = 0;
    bool refused = false;
    std::optional<Arena> arena;
    std::vector<Tensor> inputs, outputs;
    std::unique_ptr<const Recording> recording;
  };
  Entry& entry_for(const Function& function, const Inputs& inputs);
  void record(Context& ctx, const Function& function, const Inputs& inputs, Entry& entry);

  std::list<Entry> entries_;  // last called first
};

}  // namespace facet::ops
