#pragma once

#include <cstdint>

#include "facet/tensor.h"

namespace facet::ops {

/// A product of [rows, in] by [in, out]; a convolution counts as the product that it comes to.
struct ProductShape {
  std::int64_t rows = 0;
  std::int64_t in = 0;
  std::int64_t out = 0;
  [[nodiscard]] std::int64_t multiply_adds() const { return rows * in * out; }
  auto operator<=>(const ProductShape&) const = default;
};

/// Somebody who watches a run: what is multiplied, and what becomes of the residual stream.
/// Threads  called from the thread of the run
class Observer {
 public:
  virtual ~Observer() = default;
  /// A product with weights, about to be computed.
  virtual void product(const ProductShape& /*shape*/) {}
  /// Multiplications with additions outside such products: attention, filters of one channel.
  virtual void other_multiply_adds(std::int64_t /*count*/) {}
  /// A sum that a product was added to: the residual stream after a part of a block. Valid during the call.
  virtual void sum(ConstTensorView /*x*/) {}
};

}  // namespace facet::ops
