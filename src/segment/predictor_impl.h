#pragma once

#include "facet/predictor.h"
#include "models/sam_model.h"
#include "ops/context.h"

namespace facet {

struct Predictor::Impl {
  Impl(ModelPtr loaded, PredictorOptions options)
      : model(std::move(loaded)), ctx(model->kernels, ThreadTeam(options.threads)) {}
  ModelPtr model;
  ops::Context ctx;
};

}  // namespace facet
