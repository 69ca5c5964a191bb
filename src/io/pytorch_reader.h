#pragma once

#include <cstdint>
#include <span>

#include "facet/status.h"
#include "io/checkpoint_content.h"

namespace facet::io {

/// What torch.save has written since 1.6: a zip archive of data.pkl and one entry a storage.
/// Errors  BadModel, as read_pickle, ZipDirectory and view_storage say; or that there are no tensors
Result<CheckpointContent> read_pytorch_zip(std::span<const std::uint8_t> bytes);

/// What torch.save wrote before: a magic number, a protocol and a description of the machine, the object, the
/// keys of its storages, each a pickle of its own; then the storages in that order.
/// Errors  as above
Result<CheckpointContent> read_pytorch_legacy(std::span<const std::uint8_t> bytes);

}  // namespace facet::io
