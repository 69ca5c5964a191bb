#include "ops/rotary.h"

#include "core/check.h"

namespace facet::ops {

void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) {
  const Shape& table = angles.shape();
  const Shape& shape = x.shape();
  FACET_CHECK(table.rank() == 2 && shape.rank() >= 2 && table[1] % 2 == 0 && shape[-1] == table[1] &&
                  table[0] > 0 && shape[-2] % table[0] == 0,
              "rotate_positions: x is " + shape.to_string() + ", angles are " + table.to_string());
  if (shape.numel() > 0) ctx.kernels().rotate_positions(ctx, angles, x);
}

}  // namespace facet::ops
