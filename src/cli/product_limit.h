#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/thread_team.h"
#include "ops/context.h"
#include "ops/observer.h"

namespace facet::cli {

/// Counts what a run multiplies.
class ProductTally : public ops::Observer {
 public:
  void product(const ops::ProductShape& shape) override { ++products_[shape]; }
  void other_multiply_adds(std::int64_t count) override { other_ += count; }

  [[nodiscard]] std::int64_t multiply_adds() const;
  /// Shapes with how often each was seen.
  [[nodiscard]] const std::map<ops::ProductShape, std::int64_t>& products() const { return products_; }

 private:
  std::map<ops::ProductShape, std::int64_t> products_;
  std::int64_t other_ = 0;
};

/// A product as fast as this machine does it.
struct ProductRate {
  ops::ProductShape shape;
  double multiply_adds_per_second = 0;
};

/// Times bare products of the shapes in which most of the work lies, `most` shapes at most, with the backend
/// and the threads of the model; the best of several runs each. The largest rate is what the machine can do.
[[nodiscard]] std::vector<ProductRate> measure_products(const ops::KernelsPtr& kernels,
                                                        const ThreadTeam& team, const ProductTally& tally,
                                                        int most = 8);

}  // namespace facet::cli
