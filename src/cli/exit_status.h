#pragma once

#include "cli/io.h"
#include "facet/status.h"

namespace facet::cli {

/// Says on standard error what went wrong, if anything did; gives the exit status of the program.
int report(const Status& status, Io& io);

/// The same for the exception being handled: for the one catch of the program.
int report_exception(Io& io);

}  // namespace facet::cli
