#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "cli/io.h"
#include "facet/status.h"

namespace facet::cli {

/// Makes `run(options, io)` what `command` does. The options live as long as the command.
template <typename Options>
void set_run(CLI::App& command, std::shared_ptr<Options> options, Io& io,
             Status (*run)(const Options& options, Io& io)) {
  command.callback([options = std::move(options), &io, run] {
    if (Status status = run(*options, io); !status.ok()) throw StatusError(std::move(status));
  });
}

}  // namespace facet::cli
