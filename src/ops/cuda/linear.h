#pragma once

#include <functional>

#include "ops/context.h"

namespace facet::ops::cuda {

/// Moves a tensor of the host into the device's memory, for good.
using Place = std::function<Tensor(Tensor host)>;

/// A float32 tensor of the host in another type, rounded to nearest even.
[[nodiscard]] Tensor rounded_to(DType dtype, Tensor host);

/// weight [out, in] and bias [out] or empty lie in the host's memory; the factors are kept in `dtype`.
[[nodiscard]] std::unique_ptr<const PackedLinear> pack_linear(ConstTensorView weight, ConstTensorView bias,
                                                              DType dtype, const Place& place);
/// `fast_float32` lets float32 factors be rounded to tf32.
void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
            bool fast_float32, TensorView out);

}  // namespace facet::ops::cuda
