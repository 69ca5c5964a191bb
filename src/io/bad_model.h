#pragma once

#include <string>
#include <string_view>

#include "facet/status.h"

namespace facet::io {

/// BadModel, with a message that may quote a hostile file: it is cut at 500 bytes, and bytes that are not
/// printable ASCII become '?', so that they cannot steer a terminal or break a log.
[[nodiscard]] Status bad_model(std::string message);
/// `status` about tensor `name`.
[[nodiscard]] Status bad_tensor(std::string_view name, const Status& status);

}  // namespace facet::io
