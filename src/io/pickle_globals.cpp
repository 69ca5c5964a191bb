#include "io/pickle_globals.h"

#include <iterator>

namespace facet::io {
namespace {

using Action = PickleGlobal::Action;

constexpr PickleGlobal kGlobals[] = {
    {"torch._utils", "_rebuild_tensor", Action::RebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", Action::RebuildTensor},
    {"torch._utils", "_rebuild_tensor_v3", Action::RebuildTensorV3},
    {"torch._utils", "_rebuild_parameter", Action::RebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Action::RebuildParameter},
    {"torch._tensor", "_rebuild_from_type_v2", Action::RebuildFromType},
    {"torch", "Tensor", Action::MakeOpaque},
    {"torch.nn.parameter", "Parameter", Action::MakeOpaque},
    {"torch.nn.parameter", "Buffer", Action::MakeOpaque},

    {"torch", "FloatStorage", Action::TypedStorage, DType::Float32},
    {"torch", "DoubleStorage", Action::TypedStorage, DType::Float64},
    {"torch", "HalfStorage", Action::TypedStorage, DType::Float16},
    {"torch", "BFloat16Storage", Action::TypedStorage, DType::BFloat16},
    {"torch", "CharStorage", Action::TypedStorage, DType::Int8},
    {"torch", "ByteStorage", Action::TypedStorage, DType::UInt8},
    {"torch", "ShortStorage", Action::TypedStorage, DType::Int16},
    {"torch", "IntStorage", Action::TypedStorage, DType::Int32},
    {"torch", "LongStorage", Action::TypedStorage, DType::Int64},
    {"torch", "BoolStorage", Action::TypedStorage, DType::Bool},
    {"torch", "UntypedStorage", Action::UntypedStorage},
    {"torch.storage", "UntypedStorage", Action::UntypedStorage},

    {"torch", "float32", Action::ElementType, DType::Float32},
    {"torch", "float64", Action::ElementType, DType::Float64},
    {"torch", "float16", Action::ElementType, DType::Float16},
    {"torch", "bfloat16", Action::ElementType, DType::BFloat16},
    {"torch", "int8", Action::ElementType, DType::Int8},
    {"torch", "uint8", Action::ElementType, DType::UInt8},
    {"torch", "int16", Action::ElementType, DType::Int16},
    {"torch", "int32", Action::ElementType, DType::Int32},
    {"torch", "int64", Action::ElementType, DType::Int64},
    {"torch", "bool", Action::ElementType, DType::Bool},

    {"collections", "OrderedDict", Action::MakeDict},
    {"collections", "defaultdict", Action::MakeDict},
    {"collections", "Counter", Action::MakeDict},
    {"torch", "Size", Action::MakeTuple},
    {"torch", "device", Action::MakeOpaque},

    // What training scripts leave beside the weights.
    {"argparse", "Namespace", Action::MakeOpaque},
    {"types", "SimpleNamespace", Action::MakeOpaque},
    {"pathlib", "PosixPath", Action::MakeOpaque},
    {"pathlib", "WindowsPath", Action::MakeOpaque},
    {"numpy", "dtype", Action::MakeOpaque},
    {"numpy.core.multiarray", "scalar", Action::MakeOpaque},
    {"numpy._core.multiarray", "scalar", Action::MakeOpaque},
    {"_codecs", "encode", Action::MakeOpaque},  // how protocol 2 spells bytes
    {"builtins", "set", Action::MakeOpaque},
    {"builtins", "list", Action::MakeOpaque},
    {"builtins", "dict", Action::MakeOpaque},
    {"builtins", "int", Action::MakeOpaque},
    {"builtins", "float", Action::MakeOpaque},
    {"__builtin__", "set", Action::MakeOpaque},
    {"__builtin__", "list", Action::MakeOpaque},
    {"__builtin__", "dict", Action::MakeOpaque},
    {"__builtin__", "int", Action::MakeOpaque},
    {"__builtin__", "float", Action::MakeOpaque},
};

}  // namespace

std::optional<std::int64_t> find_pickle_global(std::string_view module, std::string_view name) {
  for (std::size_t row = 0; row < std::size(kGlobals); ++row) {
    if (kGlobals[row].module == module && kGlobals[row].name == name) return static_cast<std::int64_t>(row);
  }
  return std::nullopt;
}

const PickleGlobal& pickle_global(std::int64_t row) { return kGlobals[row]; }

}  // namespace facet::io
