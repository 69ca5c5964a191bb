#pragma once

#include "ops/kernels.h"
#include "ops/observer.h"

namespace facet::ops {

/// `kernels`, whose work `observer` is told of: give them to a Context and run a model that was packed for
/// `kernels`.   Lifetime  the observer outlives what is returned
[[nodiscard]] KernelsPtr observed_kernels(KernelsPtr kernels, Observer& observer);

}  // namespace facet::ops
