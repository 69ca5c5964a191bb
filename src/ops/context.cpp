#include "ops/context.h"

#include "facet/status.h"

namespace facet::ops {

Context::Context(KernelsPtr kernels, ThreadTeam team)
    : kernels_(std::move(kernels)), state_(kernels_->make_state()), team_(team) {}

void Context::between_blocks() const {
  if (hook_) hook_();
  if (stop_.stop_requested()) throw StatusError({StatusCode::Cancelled, "stopped on request"});
}

}  // namespace facet::ops
