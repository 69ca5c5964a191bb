#include "cli/commands/serve.h"

namespace facet::cli {

// Of a build with FACET_SERVICE=OFF.
void add_serve_command(CLI::App& /*app*/, Io& /*io*/) {}

}  // namespace facet::cli
