#include "ops/cuda/graph_recording.h"

#include "core/cuda/cuda_check.h"
#include "ops/cuda/cuda_state.h"

namespace facet::ops::cuda {
namespace {

class GraphRecording final : public Recording {
 public:
  explicit GraphRecording(cudaGraph_t graph) {
    cuda_check(cudaGraphInstantiate(&graph_, graph, 0), "prepare a graph");
  }
  ~GraphRecording() override { cudaGraphExecDestroy(graph_); }
  GraphRecording(const GraphRecording&) = delete;
  GraphRecording& operator=(const GraphRecording&) = delete;
  void replay(Context& ctx) const override {
    cuda_check(cudaGraphLaunch(graph_, stream_of(ctx)), "start a graph");
  }

 private:
  cudaGraphExec_t graph_ = nullptr;
};

// Owns the graph of a capture, which ends with it whatever happens.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    // Relaxed: a run may still ask for a little memory.
    cuda_check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "begin a graph");
  }
  ~Capture() {
    if (!ended_) cudaStreamEndCapture(stream_, &graph_);
    if (graph_ != nullptr) cudaGraphDestroy(graph_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  [[nodiscard]] cudaGraph_t end() {
    ended_ = true;
    cuda_check(cudaStreamEndCapture(stream_, &graph_), "end a graph");
    return graph_;
  }

 private:
  cudaStream_t stream_;
  cudaGraph_t graph_ = nullptr;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<const Recording> record(cudaStream_t stream, const std::function<void()>& run) {
  Capture capture(stream);
  run();
  return std::make_unique<GraphRecording>(capture.end());
}

}  // namespace facet::ops::cuda
