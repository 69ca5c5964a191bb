#include "ops/context.h"

#include "facet/status.h"
#include "ops/recorded_runs.h"

namespace facet::ops {
namespace {

Arena arena_of(const Kernels& kernels) {
  std::shared_ptr<BlockPool> pool = kernels.make_pool();
  return pool == nullptr ? Arena() : Arena(std::move(pool));
}

}  // namespace

Context::Context(KernelsPtr kernels, ThreadTeam team)
    : kernels_(std::move(kernels)),
      state_(kernels_->make_state()),
      team_(team),
      arena_(arena_of(*kernels_)),
      recorded_runs_(std::make_unique<RecordedRuns>()) {
  if (auto pool = kernels_->make_upload_pool()) upload_arena_.emplace(std::move(pool));
}

Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

void Context::between_blocks() const {
  if (recording_) return;
  if (hook_) hook_();
  if (stop_.stop_requested()) throw StatusError({StatusCode::Cancelled, "stopped on request"});
}

}  // namespace facet::ops
