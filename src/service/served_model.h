#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "facet/model.h"

namespace facet::service {

/// A model under the name by which clients ask for it. A reload makes a new one; requests keep the one they
/// began with.
struct ServedModel {
  std::string name;
  ModelPtr model;
  std::size_t weight_bytes = 0;
  int generation = 0;  ///< 1 for the first load, and one more for each reload
};
using ServedModelPtr = std::shared_ptr<const ServedModel>;

}  // namespace facet::service
