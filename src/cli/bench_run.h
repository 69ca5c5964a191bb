#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/io.h"
#include "cli/product_limit.h"
#include "cli/samples.h"
#include "facet/model.h"
#include "facet/picture.h"

namespace facet::cli {

/// A picture to measure with, and where it is read from; no path = drawn, never read.
struct BenchPicture {
  std::string path;
  Image image;
  [[nodiscard]] Point centre() const { return {float(image.width()) / 2, float(image.height()) / 2}; }
};

struct BenchPlan {
  std::vector<BenchPicture> pictures;  ///< at least one; rounds take them in turns
  ReadOptions read;
  std::function<Result<ModelPtr>()> load;
  int threads = 1;
  int rounds = 20;
  double seconds = 10;  ///< after which a kind of work has had rounds enough, once it had three
  int boxes = 100;
  int points_per_side = 0;  ///< of the grid that segments everything; 0: it is not measured
};

/// What one kind of work took.
struct BenchRow {
  std::string name;
  Samples times;
  int items = 1;                   ///< done in one run: boxes
  std::int64_t multiply_adds = 0;  ///< of one run; 0 = not counted
};

struct BenchReport {
  ModelInfo model;
  std::vector<BenchRow> stages;  ///< a picture's way to masks, step by step
  std::vector<BenchRow> jobs;    ///< what users wait for
  std::vector<ProductRate> products;
  std::int64_t serving_bytes = 0;  ///< the process's peak over load, one encode, one click
  std::int64_t peak_bytes = 0;     ///< over everything measured

  /// Of the fastest product; 0 when none was measured.
  [[nodiscard]] double best_multiply_adds_per_second() const;
  /// How much of the time the row's multiplications would take at that rate; 0 when not known.
  [[nodiscard]] double share_of_limit(const BenchRow& row) const;
};

/// Runs everything once for the memory, then each stage and job in rounds.
/// Errors  those of loading, reading and predicting; Cancelled
Result<BenchReport> run_bench(const BenchPlan& plan, Io& io);

/// Times of pictures to embeddings, a first one to warm up left out: one turn against a peer.
Result<Samples> time_encodes(const ModelPtr& model, const BenchPicture& picture, int threads, int runs,
                             Io& io);

}  // namespace facet::cli
