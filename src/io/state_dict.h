#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "io/pickle.h"

namespace facet::io {

/// The weights among the objects of a checkpoint.   Lifetime  borrows the pickle
struct StateDict {
  std::map<std::string_view, std::uint32_t> tensors;  ///< names, each with its index in Pickle::tensors
  std::string key;  ///< the keys of the dictionaries around it, outermost first: "a.model"; empty = none
};

/// Training scripts wrap the weights: the dictionary under `model`, `state_dict` or `model_state_dict` at
/// whatever depth, the shallowest first, else the shallowest one that holds tensors. A `module.` before every
/// name, which data-parallel training leaves, is taken off. Empty when there are no tensors.
StateDict find_state_dict(const Pickle& pickle);

}  // namespace facet::io
