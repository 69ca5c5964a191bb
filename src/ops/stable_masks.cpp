#include "ops/stable_masks.h"

#include <algorithm>

#include "core/check.h"

namespace facet::ops {
namespace {

// Logits above the offset over logits above its negative.
float stability(std::span<const float> logits, float offset) {
  std::int64_t inner = 0;
  std::int64_t outer = 0;
  for (const float logit : logits) {
    inner += logit > offset ? 1 : 0;
    outer += logit > -offset ? 1 : 0;
  }
  return outer == 0 ? 1.0F : float(inner) / float(outer);
}

}  // namespace

void keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks, TensorView scores) {
  const Shape& in = args.masks.shape();
  FACET_CHECK(in.rank() == 4 && in[1] > 1 && args.scores.shape() == Shape({in[0], in[1]}) &&
                  masks.shape() == Shape({in[0], 1, in[2], in[3]}) && scores.shape() == Shape({in[0], 1}),
              "keep_stable_masks: masks are " + in.to_string() + ", scores " +
                  args.scores.shape().to_string() + ", out " + masks.shape().to_string());
  ctx.kernels().keep_stable_masks(ctx, args, masks, scores);
}

// On the host.
void Kernels::keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks,
                                TensorView scores) const {
  const Shape& in = args.masks.shape();
  const std::int64_t area = in[2] * in[3];
  ctx.team().parallel_for(in[0], [&](std::int64_t p, int) {
    const auto own_scores = args.scores.data<float>().subspan(p * in[1], in[1]);
    const auto own_masks = args.masks.data<float>().subspan(p * in[1] * area);
    const auto best = std::max_element(own_scores.begin() + 1, own_scores.end()) - own_scores.begin();
    const std::int64_t kept =
        stability(own_masks.first(area), args.offset) >= args.least_stability ? 0 : best;
    const auto mask = own_masks.subspan(kept * area, area);
    std::copy(mask.begin(), mask.end(), masks.data<float>().begin() + p * area);
    scores.data<float>()[p] = own_scores[kept];
  });
}

}  // namespace facet::ops
