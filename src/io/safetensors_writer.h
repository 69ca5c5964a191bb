#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "facet/status.h"
#include "facet/tensor.h"

namespace facet::io {

/// A tensor to be written.   Lifetime  borrows the elements
struct NamedTensor {
  std::string name;
  ConstTensorView tensor;
};

/// Writes a safetensors file, tensors in the given order, its header padded so that the first
/// begins at a multiple of 64: the whole file or none. Errors  OutputFailed naming the path; ContractError on
/// a name that is taken twice, "__metadata__", or no UTF-8
Status write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                         const std::map<std::string, std::string>& metadata = {});

}  // namespace facet::io
