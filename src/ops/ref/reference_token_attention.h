#pragma once

#include "ops/token_attention.h"

namespace facet::ops {

/// The operations of token_attention.h as their comments read: project, score, weigh; nothing is moved.
void reference_pool_for_tokens(const PoolForTokensArgs& args, TensorView out);
void reference_spread_tokens(const SpreadTokensArgs& args, TensorView out);

}  // namespace facet::ops
