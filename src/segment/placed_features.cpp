#include "segment/placed_features.h"

#include <algorithm>
#include <utility>

#include "core/tensor_range.h"
#include "ops/transfer.h"

namespace facet::segment {
namespace {

ConstTensorView view_or_none(const std::shared_ptr<const Tensor>& tensor) {
  return tensor == nullptr ? ConstTensorView() : tensor->view();
}

Tensor uploaded(ops::Context& ctx, const std::shared_ptr<const Tensor>& host) {
  return host == nullptr ? Tensor() : ops::uploaded_copy(ctx, *host);
}

Tensor picture_of(ops::Context& ctx, const Tensor& batch, std::int64_t index) {
  return batch.empty() ? Tensor() : ops::copied(ctx, range_of(batch.view(), index, 1));
}

}  // namespace

PlacedFeatures::Views PlacedFeatures::get(const Embedding& embedding) {
  if (ctx_.kernels().on_host()) {
    return {embedding.features->view(), view_or_none(embedding.high_res0), view_or_none(embedding.high_res1)};
  }
  const auto found = find(embedding);
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
  } else {
    add({embedding.features, uploaded(ctx_, embedding.features), uploaded(ctx_, embedding.high_res0),
         uploaded(ctx_, embedding.high_res1)});
  }
  const Kept& kept = kept_.front();
  return {kept.image, kept.high_res0, kept.high_res1};
}

void PlacedFeatures::keep(const Embedding& embedding, const models::ImageFeatures& made, std::int64_t index) {
  if (ctx_.kernels().on_host()) return;
  add({embedding.features, picture_of(ctx_, made.image, index), picture_of(ctx_, made.high_res0, index),
       picture_of(ctx_, made.high_res1, index)});
}

std::list<PlacedFeatures::Kept>::iterator PlacedFeatures::find(const Embedding& embedding) {
  return std::ranges::find_if(kept_,
                              [&](const Kept& kept) { return kept.features.lock() == embedding.features; });
}

void PlacedFeatures::add(Kept kept) {
  for (auto old = kept_.begin(); old != kept_.end();) {
    const auto here = old++;
    if (here->features.expired()) drop(here);
  }
  while (!kept_.empty() && bytes_ + kept.bytes() > budget_bytes_) drop(std::prev(kept_.end()));
  bytes_ += kept.bytes();
  kept_.push_front(std::move(kept));
}

void PlacedFeatures::drop(std::list<Kept>::iterator kept) {
  bytes_ -= kept->bytes();
  kept_.erase(kept);
}

}  // namespace facet::segment
