#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "facet/status.h"
#include "models/catalogue.h"

namespace facet::models {

struct DownloadOptions {
  std::function<void(std::int64_t done_bytes, std::int64_t total_bytes)> progress;
  std::stop_token stop;
  std::vector<std::string> headers;  ///< "Name: value" of each request; Authorization stays with its host
  int attempts = 4;                  ///< tries before giving up; each goes on where the last one broke off
  std::chrono::milliseconds first_pause{500};  ///< before the second try; doubles from try to try
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds stall_timeout{30};  ///< a transfer that brings nothing for so long is broken off
};

/// Fetches `url` to `path`, which appears only when size and digest are those of `expected`. What arrives
/// waits in `partial_path(path)`; an interrupted or broken download goes on there next time, where the server
/// can. A whole file that is the wrong one is removed.
///
/// Errors  FetchFailed: no answer, an HTTP error, a stalled or cut connection after all attempts, a wrong
/// size
///         or digest (expected and found); OutputFailed: the folder cannot be written, the disk is full,
///         another download of this file is running; Cancelled
/// Units   progress in bytes of the file, those of an earlier run included
/// Threads progress is called from the calling thread
Status download(const std::string& url, const std::filesystem::path& path, const PinnedFile& expected,
                const DownloadOptions& options = {});

}  // namespace facet::models
