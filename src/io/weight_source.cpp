#include "io/weight_source.h"

namespace facet::io {

WeightSource::~WeightSource() = default;

}  // namespace facet::io
