#include "graph.h"

#include <cuda_runtime.h>

#include <memory>
#include <utility>
#include <vector>

struct CUgraph_st {
  std::vector<std::function<void()>> works;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> works;
};

namespace {

thread_local std::unique_ptr<CUgraph_st> g_captured;

}  // namespace

namespace cuda_emulation {

bool note_down(std::function<void()> work) {
  if (g_captured == nullptr) return false;
  g_captured->works.push_back(std::move(work));
  return true;
}

}  // namespace cuda_emulation

cudaError_t cudaStreamBeginCapture(cudaStream_t /*stream*/, cudaStreamCaptureMode /*mode*/) {
  if (g_captured != nullptr) return cudaErrorInvalidValue;
  g_captured = std::make_unique<CUgraph_st>();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t /*stream*/, cudaGraph_t* graph) {
  if (g_captured == nullptr) return cudaErrorInvalidValue;
  *graph = g_captured.release();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long /*flags*/) {
  *exec = new CUgraphExec_st{graph->works};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t /*stream*/) {
  for (const auto& work : exec->works) work();
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
