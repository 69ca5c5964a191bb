#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "facet/dtype.h"
#include "facet/status.h"
#include "io/byte_cursor.h"

namespace facet::io {

/// One object of a pickle. Objects refer to each other by their index in Pickle::values, so that sharing and
/// cycles cost nothing and nothing is destroyed recursively.
struct PickleValue {
  enum class Kind : std::uint8_t {
    None,
    Bool,
    Int,
    BigInt,  ///< more than 8 bytes, kept as `text`, little-endian
    Float,
    Text,
    Bytes,
    Tuple,
    List,      ///< also a set
    Dict,      ///< items are key, value, key, value ...
    Callable,  ///< a name from the whitelist; `integer` is its row
    Storage,   ///< `integer` indexes Pickle::storages
    Tensor,    ///< `integer` indexes Pickle::tensors
    Opaque     ///< an object of a known plain class, whose content is ignored
  };
  Kind kind = Kind::None;
  std::int64_t integer = 0;
  double number = 0;
  std::string_view text = {};
  std::vector<std::uint32_t> items = {};
};

/// Elements that lie outside the pickle, under a key.
struct PickleStorage {
  std::string_view key;
  DType dtype = DType::Float32;
  bool untyped = false;    ///< counts bytes: the type is the tensor's
  std::int64_t numel = 0;  ///< as claimed
};

struct PickleTensor {
  std::uint32_t storage = 0;  ///< index in Pickle::storages
  DType dtype = DType::Float32;
  std::int64_t offset = 0;
  std::vector<std::int64_t> dims;
  std::vector<std::int64_t> strides;
};

/// The objects of one pickle.   Lifetime  texts borrow the pickled bytes
struct Pickle {
  std::vector<PickleValue> values;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  std::uint32_t root = 0;

  [[nodiscard]] const PickleValue& at(std::uint32_t index) const { return values[index]; }
};

/// Interprets the pickle at the cursor up to its STOP, where the cursor is left.
///
/// A pickle is a program; this interpreter knows only the part of it that builds tensors, containers, numbers
/// and text (binary opcodes of protocols 2 to 5) and calls nothing. A name outside pickle_globals.cpp, in
/// whatever place, ends the reading with an error that gives the name and its byte. Bounded: 64 MiB of
/// program, 1 Mi objects, 16 Mi references between them.
///
/// `where` begins each message: "data.pkl"
/// Errors  BadModel
/// Source  pickletools of Python 3, and torch/_utils.py for what the tensor builders take
Result<Pickle> read_pickle(ByteCursor& cursor, std::string_view where);

}  // namespace facet::io
