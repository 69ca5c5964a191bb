#include "ops/recorded_runs.h"

#include <algorithm>

#include "ops/transfer.h"

namespace facet::ops {
namespace {

constexpr int kCallsBefore = 2;        // a shape that comes once or twice is not worth the memory
constexpr std::size_t kMostKept = 16;  // shapes that are counted; each that is written down holds its memory
constexpr std::size_t kMostRecorded = 6;

std::vector<Shape> shapes_of(const RecordedRuns::Inputs& inputs) {
  std::vector<Shape> shapes;
  for (const ConstTensorView& input : inputs) shapes.push_back(input.shape());
  return shapes;
}

void copy_into(Context& ctx, const RecordedRuns::Inputs& inputs, std::vector<Tensor>& own) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].empty()) copy(ctx, inputs[i], own[i]);
  }
}

std::vector<Tensor> copies(Context& ctx, const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& tensor : tensors) out.push_back(tensor.empty() ? Tensor() : copied(ctx, tensor));
  return out;
}

}  // namespace

std::vector<Tensor> RecordedRuns::call(Context& ctx, const Function& function, const Inputs& inputs) {
  if (ctx.kernels().on_host()) return function.run(inputs);
  Entry& entry = entry_for(function, inputs);
  if (!entry.recording && !entry.refused && entry.calls++ >= kCallsBefore)
    record(ctx, function, inputs, entry);
  if (!entry.recording) return function.run(inputs);
  copy_into(ctx, inputs, entry.inputs);
  entry.recording->replay(ctx);
  return copies(ctx, entry.outputs);
}

RecordedRuns::Entry& RecordedRuns::entry_for(const Function& function, const Inputs& inputs) {
  const std::vector<Shape> shapes = shapes_of(inputs);
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.owner == function.owner && entry.variant == function.variant && entry.shapes == shapes;
  });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return entries_.front();
  }
  if (entries_.size() == kMostKept) entries_.pop_back();
  Entry& entry = entries_.emplace_front();
  entry.owner = function.owner;
  entry.variant = function.variant;
  entry.shapes = shapes;
  return entry;
}

void RecordedRuns::record(Context& ctx, const Function& function, const Inputs& inputs, Entry& entry) {
  std::size_t recorded = 0;
  for (Entry& each : entries_) {
    if (each.recording != nullptr && ++recorded >= kMostRecorded) {
      ctx.finish();  // it may still run
      each = {each.owner, each.variant, each.shapes, 0, false, {}, {}, {}, nullptr};
    }
  }
  entry.refused = true;  // unless all goes well
  try {
    entry.arena.emplace(ctx.kernels().make_pool());
    for (const ConstTensorView& input : inputs) {
      entry.inputs.push_back(input.empty() ? Tensor() : entry.arena->make(input.shape()));
    }
    const Inputs own(entry.inputs.cbegin(), entry.inputs.cend());
    const Context::Recorded scope(ctx, *entry.arena);
    copy_into(ctx, inputs, entry.inputs);
    // Once for the memory: none may be asked for while a run is written down.
    entry.outputs = function.run(own);
    entry.outputs.clear();
    entry.recording = ctx.kernels().record(ctx, [&] { entry.outputs = function.run(own); });
    entry.refused = entry.recording == nullptr;
  } catch (const StatusError& error) {
    if (error.status().code() != StatusCode::OutOfMemory) throw;
  }
  ctx.finish();
  if (entry.refused) {
    entry.outputs.clear();
    entry.inputs.clear();
    entry.arena.reset();
  }
  ctx.arena().trim();
}

}  // namespace facet::ops
