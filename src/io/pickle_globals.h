#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "facet/dtype.h"

namespace facet::io {

/// What a pickle may name, and what naming it does.
struct PickleGlobal {
  enum class Action : std::uint8_t {
    RebuildTensor,     ///< (storage, offset, size, stride, ...)
    RebuildTensorV3,   ///< the same, with the type at the seventh place
    RebuildParameter,  ///< (tensor, ...)
    RebuildFromType,   ///< (callable, class, arguments, state)
    MakeDict,          ///< () or (pairs)
    MakeTuple,         ///< (sequence)
    MakeOpaque,        ///< an object whose arguments and state are ignored
    TypedStorage,      ///< a class, `dtype` its elements
    UntypedStorage,
    ElementType  ///< a torch.dtype
  };
  std::string_view module;
  std::string_view name;
  Action action;
  DType dtype = DType::UInt8;
};

/// The row of module.name; nothing where it is not on the whitelist.
[[nodiscard]] std::optional<std::int64_t> find_pickle_global(std::string_view module, std::string_view name);
[[nodiscard]] const PickleGlobal& pickle_global(std::int64_t row);

}  // namespace facet::io
