#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "facet/status.h"

namespace facet::cli {

/// Runs another program in `folder`, found along PATH, without a shell, and waits for it; ends it, and what
/// it started, when `stop` fires. Its output is kept for the message.
/// Errors  FetchFailed when it is missing or fails, with the last lines it wrote; Cancelled
Status run_command(const std::vector<std::string>& command, const std::filesystem::path& folder,
                   const std::stop_token& stop);
/// The same, and what it wrote: the last megabyte of both streams.
Result<std::string> read_command(const std::vector<std::string>& command, const std::filesystem::path& folder,
                                 const std::stop_token& stop);

}  // namespace facet::cli
