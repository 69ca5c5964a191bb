#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "facet/status.h"

namespace facet::models {

/// Runs another program in `folder` and waits for it: `command` is its name, looked up as a shell would, and
/// its arguments, passed as they are. The program injects how, because finding one takes the environment.
/// Errors  FetchFailed when the program is missing or fails, with what it said; Cancelled
using ProgramRunner =
    std::function<Status(const std::vector<std::string>& command, const std::filesystem::path& folder)>;

}  // namespace facet::models
