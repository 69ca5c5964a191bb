#pragma once

#include <set>
#include <span>
#include <string>

#include "io/weight_source.h"

namespace facet::models {

/// A file may name layers that stay in bfloat16 when it is loaded in int8, as calibration finds them: in its
/// metadata, separated by spaces, each the name of its weights without ".weight".
inline constexpr const char* kKeptLayersKey = "facet.bf16_layers";

[[nodiscard]] std::set<std::string> kept_layers(const io::WeightSource& source);
/// The value under kKeptLayersKey.
[[nodiscard]] std::string join_kept_layers(std::span<const std::string> layers);

}  // namespace facet::models
