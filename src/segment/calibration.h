#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "facet/image.h"
#include "facet/model.h"
#include "facet/status.h"
#include "io/weight_source.h"
#include "ops/context.h"

namespace facet::segment {

/// What bytes do to one product of a model.
struct LayerError {
  std::string name;  ///< of its weights, without ".weight"
  double error =
      0;  ///< norm of the difference over norm of the product, over all pictures; 0 when it never ran
};

/// Finds the products of an image encoder that lose too much in int8, by running pictures through the model
/// in bfloat16 and computing each product both ways. Threads  one at a time
class Calibration {
 public:
  /// A product whose result differs by more than this stays in bfloat16.
  static constexpr double kMostError = 0.04;

  /// Errors  as load_model
  static Result<Calibration> open(const io::WeightSource& source, int threads);

  /// Errors  BadPicture; OutOfMemory
  Status add(const Image& image);
  /// In the order of the model.
  [[nodiscard]] std::vector<LayerError> errors() const;
  /// The names of those above kMostError, and of those that int8 leaves in bfloat16 by their weights alone.
  [[nodiscard]] std::vector<std::string> layers_to_keep() const;

 private:
  struct Sums {
    double difference = 0;
    double norm = 0;
  };
  Calibration(ModelPtr wide, ModelPtr narrow, int threads);
  void observe(ConstTensorView x, const ops::PackedLinear& weights);

  ModelPtr wide_;
  ModelPtr narrow_;
  ops::Context ctx_;
  ops::Context measuring_;                                           // for what is computed beside the run
  std::unordered_map<const ops::PackedLinear*, std::size_t> index_;  // of wide_'s layers
  std::vector<Sums> sums_;
};

}  // namespace facet::segment
