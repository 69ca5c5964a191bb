#pragma once

#include <filesystem>
#include <string>

#include "cli/cli11_fwd.h"
#include "cli/io.h"
#include "facet/picture.h"
#include "facet/status.h"

namespace facet::cli {

/// How pictures are read, as the user wrote it.
struct PictureOptions {
  std::string window;  ///< "LOW,HIGH" percentiles; empty = the default
  int page = 0;
};

/// --window, --page
void bind_picture(CLI::App& command, PictureOptions& options);

/// What the options mean.   Errors  Usage
Result<ReadOptions> read_options(const PictureOptions& options);

/// Reads a picture; says on standard error when its samples were windowed to 8 bits.
/// Errors  Usage, and those of facet::read_picture
Result<Picture> open_picture(const std::filesystem::path& path, const PictureOptions& options, Io& io);

}  // namespace facet::cli
