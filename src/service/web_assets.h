#pragma once

#include <span>
#include <string_view>

namespace facet::service {

/// A file of the page, inside the program.
struct WebAsset {
  std::string_view path;          ///< as requested: "/", "/docs", "/assets/index-s4hhZeQk.js"
  std::string_view content_type;  ///< with the charset where there is one
  std::string_view etag;          ///< quoted; of the bytes below, so that the two encodings of a file differ
  std::span<const unsigned char> bytes;
  bool gzip = false;  ///< the bytes are gzip: answer with Content-Encoding: gzip and Vary: Accept-Encoding
  bool immutable = false;  ///< the path holds a hash of the content: may be cached for ever
};

/// All files, sorted by path. A file that gzip makes clearly smaller is there twice, plain first.
/// A build without Node.js has one page, "/", that says how the page is built.
/// Lifetime  the program's
[[nodiscard]] std::span<const WebAsset> web_assets();

/// The file at `path`, compressed where there is such a form and the client takes it; null when there is
/// none.
[[nodiscard]] const WebAsset* find_web_asset(std::string_view path, bool accepts_gzip);

}  // namespace facet::service
