#pragma once

#include <string>
#include <vector>

#include "cli/io.h"

namespace facet::cli {

/// The whole program: `arguments` as after the program's name. Returns the exit status; throws nothing.
int run_program(const std::vector<std::string>& arguments, Io& io);

}  // namespace facet::cli
