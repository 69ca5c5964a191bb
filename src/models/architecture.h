#pragma once

#include <string>
#include <variant>

#include "facet/status.h"
#include "io/weight_source.h"
#include "models/hiera/hiera_encoder.h"
#include "models/tiny_vit/tiny_vit_encoder.h"
#include "models/vit/vit_encoder.h"

namespace facet::models {

/// What a file's names and shapes say it is.
struct Architecture {
  std::string name;  ///< as ModelInfo::architecture
  std::variant<VitConfig, TinyVitConfig, HieraConfig> encoder;
};

/// Recognises a model of the family from the names and shapes of its tensors; nothing is read.
/// Errors  BadModel: says what the file seems to hold instead, with a few of its names
[[nodiscard]] Result<Architecture> recognise(const io::WeightSource& source);

}  // namespace facet::models
