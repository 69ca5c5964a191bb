#include "segment/calibration.h"

#include <cmath>

#include "models/sam_model.h"
#include "ops/linear.h"
#include "segment/guard.h"
#include "segment/transforms.h"

namespace facet::segment {
namespace {

Tensor product(ops::Context& ctx, ConstTensorView x, const ops::PackedLinear& weights) {
  Tensor out = ctx.make({x.shape().numel() / weights.in(), weights.out()});
  ops::linear(ctx, x, weights, {}, out);
  return out;
}

}  // namespace

Result<Calibration> Calibration::open(const io::WeightSource& source, int threads) {
  FACET_ASSIGN_OR_RETURN(ModelPtr wide, models::build_model(source, ops::cpu_kernels(Precision::Bf16)));
  FACET_ASSIGN_OR_RETURN(ModelPtr narrow, models::build_model(source, ops::cpu_kernels(Precision::Int8)));
  return Calibration(std::move(wide), std::move(narrow), threads);
}

Calibration::Calibration(ModelPtr wide, ModelPtr narrow, int threads)
    : wide_(std::move(wide)),
      narrow_(std::move(narrow)),
      ctx_(wide_->kernels, ThreadTeam(threads)),
      measuring_(wide_->kernels, ThreadTeam(threads)),
      sums_(wide_->packed_layers.size()) {
  for (std::size_t i = 0; i < sums_.size(); ++i) index_.emplace(wide_->packed_layers[i].weights, i);
}

Status Calibration::add(const Image& image) {
  return guarded([&]() -> Status {
    FACET_ASSIGN_OR_RETURN(const Placement placement, place(image.size(), wide_->info));
    ctx_.set_linear_observer(
        [this](ConstTensorView x, const ops::PackedLinear& weights) { observe(x, weights); });
    (void)wide_->encode_picture(ctx_, to_input(ctx_, image, placement, Model::kImageSize));
    ctx_.set_linear_observer({});
    return {};
  });
}

void Calibration::observe(ConstTensorView x, const ops::PackedLinear& weights) {
  const auto found = index_.find(&weights);
  if (found == index_.end()) return;
  const Tensor wide = product(measuring_, x, weights);
  const Tensor narrow = product(measuring_, x, *narrow_->packed_layers[found->second].weights);
  Sums& sums = sums_[found->second];
  for (std::size_t i = 0; i < wide.data<float>().size(); ++i) {
    const double value = wide.data<float>()[i];
    const double rest = narrow.data<float>()[i] - value;
    sums.difference += rest * rest;
    sums.norm += value * value;
  }
}

std::vector<LayerError> Calibration::errors() const {
  std::vector<LayerError> errors;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const double error = sums_[i].norm == 0 ? 0 : std::sqrt(sums_[i].difference / sums_[i].norm);
    errors.push_back({wide_->packed_layers[i].name, error});
  }
  return errors;
}

std::vector<std::string> Calibration::layers_to_keep() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; const LayerError& layer : errors()) {
    const bool kept = narrow_->packed_layers[i++].weights->precision() != Precision::Int8;
    if (kept || layer.error > kMostError) names.push_back(layer.name);
  }
  return names;
}

}  // namespace facet::segment
