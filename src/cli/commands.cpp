#include "cli/commands.h"

#include <CLI/CLI.hpp>

#include "cli/commands/bench.h"
#include "cli/commands/completion.h"
#include "cli/commands/convert.h"
#include "cli/commands/everything.h"
#include "cli/commands/info.h"
#include "cli/commands/models.h"
#include "cli/commands/predict.h"
#include "cli/commands/pull.h"
#include "cli/commands/serve.h"
#include "cli/commands/track.h"
#include "cli/commands/verify.h"
#include "cli/commands/version.h"

namespace facet::cli {

void add_commands(CLI::App& app, Io& io) {
  add_predict_command(app, io);
  add_everything_command(app, io);
  add_track_command(app, io);
  add_serve_command(app, io);
  add_pull_command(app, io);
  add_models_command(app, io);
  add_info_command(app, io);
  add_convert_command(app, io);
  add_verify_command(app, io);
  add_bench_command(app, io);
  add_completion_command(app, io);
  add_version_command(app, io);
}

}  // namespace facet::cli
