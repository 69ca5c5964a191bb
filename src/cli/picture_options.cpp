#include "cli/picture_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

namespace facet::cli {
namespace {

Status parse_window(const std::string& text, ReadOptions& options) {
  const char* end = text.data() + text.size();
  const auto low = std::from_chars(text.data(), end, options.window_low);
  if (low.ec == std::errc() && low.ptr != end && *low.ptr == ',') {
    const auto high = std::from_chars(low.ptr + 1, end, options.window_high);
    if (high.ec == std::errc() && high.ptr == end) return {};
  }
  return {StatusCode::Usage,
          fmt::format("--window '{}': expected two percentiles LOW,HIGH such as 0.1,99.9", text)};
}

void tell_window(const std::filesystem::path& path, const PictureSource& source, const ReadOptions& options,
                 Io& io) {
  if (!source.window) return;
  tell(io, fmt::format(
               "{}: {}-bit {} samples shown as 8 bits: {:.6g} is black, {:.6g} is white (percentiles {} and "
               "{}; --window changes them)",
               path.string(), source.bits_per_sample, sample_kind_name(source.sample_kind),
               source.window->low, source.window->high, options.window_low, options.window_high));
}

}  // namespace

void bind_picture(CLI::App& command, PictureOptions& options) {
  command
      .add_option("--window", options.window,
                  "percentiles that become black and white, for more than 8 bits a sample [0.1,99.9]")
      ->type_name("LOW,HIGH");
  command.add_option("--page", options.page, "page of a TIFF or frame of a WebP, from 0")
      ->capture_default_str();
}

Result<ReadOptions> read_options(const PictureOptions& options) {
  ReadOptions read;
  read.page = options.page;
  if (!options.window.empty()) FACET_RETURN_IF_ERROR(parse_window(options.window, read));
  return read;
}

Result<Picture> open_picture(const std::filesystem::path& path, const PictureOptions& options, Io& io) {
  FACET_ASSIGN_OR_RETURN(const ReadOptions read, read_options(options));
  FACET_ASSIGN_OR_RETURN(Picture picture, read_picture(path, read));
  tell_window(path, picture.source, read, io);
  return picture;
}

}  // namespace facet::cli
