#pragma once

#include <string>

#include "cli/cli11_fwd.h"
#include "facet/automatic_masks.h"
#include "facet/status.h"

namespace facet::cli {

/// The options of the automatic mask generator as the user wrote them.
struct AutomaticOptions {
  AutomaticMaskOptions generator;
  std::string point_grids;  ///< a JSON file; empty = the grid
};

/// --points-per-side and all others of the reference generator, with dashes.
void bind_automatic(CLI::App& command, AutomaticOptions& options);

/// The generator's options, with the points of --point-grids.
/// Errors  Usage naming the file: not a JSON list of one list of [x, y] in 0 to 1 for each crop layer
Result<AutomaticMaskOptions> make_automatic_options(const AutomaticOptions& options);

}  // namespace facet::cli
