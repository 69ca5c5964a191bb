#include "io/pickle.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "facet/tensor.h"
#include "io/bad_model.h"
#include "io/pickle_globals.h"
#include "io/pickle_opcodes.h"

namespace facet::io {
namespace {

using Kind = PickleValue::Kind;
using Action = PickleGlobal::Action;
using Index = std::uint32_t;
using namespace pickle_opcodes;  // NOLINT(google-build-using-namespace): constants of one small header

constexpr std::size_t kMaxProgramBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxValues = std::size_t{1} << 20;
constexpr std::size_t kMaxReferences = std::size_t{16} << 20;

/// Runs one pickle program. Each opcode either changes the state as the pickle protocol says, or ends the
/// run.
class Interpreter {
 public:
  Interpreter(ByteCursor& cursor, std::string_view where)
      : cursor_(cursor), where_(where), start_(cursor.position()) {}

  Result<Pickle> run() {
    for (;;) {
      opcode_at_ = cursor_.position();
      if (opcode_at_ - start_ > kMaxProgramBytes) return error("the pickle is longer than 64 MiB");
      const auto opcode = cursor_.number<std::uint8_t>();
      if (!opcode) return error("the pickle ends before its STOP");
      if (*opcode == kStop) return finish();
      FACET_RETURN_IF_ERROR(step(*opcode));
      if (stack_.size() > kMaxReferences) return error("the pickle keeps too many objects at once");
    }
  }

 private:
  Status error(const std::string& what) const {
    return bad_model(std::string(where_) + ", byte " + std::to_string(opcode_at_) + ": " + what);
  }
  Status underflow() const { return error("the pickle takes more from its stack than is there"); }
  Status ends() const { return error("the pickle ends inside an instruction"); }

  Result<Pickle> finish() {
    if (stack_.empty()) return underflow();
    pickle_.root = stack_.back();
    return std::move(pickle_);
  }

  PickleValue& at(Index index) { return pickle_.values[index]; }

  Status push(PickleValue value) {
    if (pickle_.values.size() >= kMaxValues) return error("the pickle holds more than 1048576 objects");
    references_ += value.items.size();
    if (references_ > kMaxReferences) return error("the pickle's containers hold more than 16777216 items");
    stack_.push_back(static_cast<Index>(pickle_.values.size()));
    pickle_.values.push_back(std::move(value));
    return {};
  }

  // What lies above the last mark, or above the bottom of the stack, may be taken; the mark itself may not.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  bool has(std::size_t count) const { return stack_.size() - floor() >= count; }
  Index pop() {
    const Index top = stack_.back();
    stack_.pop_back();
    return top;
  }
  std::optional<std::vector<Index>> pop_to_mark() {
    if (marks_.empty()) return std::nullopt;
    std::vector<Index> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  Status step(std::uint8_t opcode) {
    switch (opcode) {
      case kProto:
        return check_protocol(cursor_.number<std::uint8_t>());
      case kFrame:
        return cursor_.number<std::uint64_t>() ? Status() : ends();
      case kMark:
        if (marks_.size() > kMaxReferences) return error("the pickle keeps too many marks at once");
        marks_.push_back(stack_.size());
        return {};
      case kPop:
        if (!has(1)) return underflow();
        stack_.pop_back();
        return {};
      case kPopMark:
        return pop_to_mark() ? Status() : underflow();
      case kNone:
        return push({});
      case kNewTrue:
      case kNewFalse:
        return push({.kind = Kind::Bool, .integer = opcode == kNewTrue});
      case kBinInt:
        return push_integer(cursor_.number<std::int32_t>());
      case kBinInt1:
        return push_integer(cursor_.number<std::uint8_t>());
      case kBinInt2:
        return push_integer(cursor_.number<std::uint16_t>());
      case kLong1:
        return push_long(cursor_.number<std::uint8_t>());
      case kLong4:
        return push_long(cursor_.number<std::uint32_t>());
      case kBinFloat:
        return push_float();
      case kBinUnicode:
      case kBinString:
        return push_text(Kind::Text, cursor_.number<std::uint32_t>());
      case kShortBinUnicode:
      case kShortBinString:
        return push_text(Kind::Text, cursor_.number<std::uint8_t>());
      case kBinUnicode8:
        return push_text(Kind::Text, cursor_.number<std::uint64_t>());
      case kBinBytes:
        return push_text(Kind::Bytes, cursor_.number<std::uint32_t>());
      case kShortBinBytes:
        return push_text(Kind::Bytes, cursor_.number<std::uint8_t>());
      case kBinBytes8:
      case kByteArray8:
        return push_text(Kind::Bytes, cursor_.number<std::uint64_t>());
      default:
        return step_container(opcode);
    }
  }

  Status step_container(std::uint8_t opcode) {
    switch (opcode) {
      case kEmptyTuple:
        return push({.kind = Kind::Tuple});
      case kEmptyList:
      case kEmptySet:
        return push({.kind = Kind::List});
      case kEmptyDict:
        return push({.kind = Kind::Dict});
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return push_tuple(opcode - kTuple1 + 1U);
      case kTuple:
        return push_marked(Kind::Tuple);
      case kFrozenSet:
        return push_marked(Kind::List);
      case kAppend:
        return has(2) ? add_items(Kind::List, {pop()}) : underflow();
      case kAppends:
      case kAddItems:
        return add_marked(Kind::List);
      case kSetItem: {
        if (!has(3)) return underflow();
        const Index value = pop();
        const Index key = pop();
        return add_items(Kind::Dict, {key, value});
      }
      case kSetItems:
        return add_marked(Kind::Dict);
      default:
        return step_memo(opcode);
    }
  }

  Status step_memo(std::uint8_t opcode) {
    switch (opcode) {
      case kBinPut:
        return put(cursor_.number<std::uint8_t>());
      case kLongBinPut:
        return put(cursor_.number<std::uint32_t>());
      case kMemoize:
        return put(static_cast<std::uint32_t>(memo_.size()));
      case kBinGet:
        return get(cursor_.number<std::uint8_t>());
      case kLongBinGet:
        return get(cursor_.number<std::uint32_t>());
      default:
        return step_call(opcode);
    }
  }

  Status step_call(std::uint8_t opcode) {
    switch (opcode) {
      case kGlobal: {
        const auto module = cursor_.line();
        const auto name = module ? cursor_.line() : std::nullopt;
        return name ? push_global(*module, *name) : ends();
      }
      case kStackGlobal: {
        if (!has(2)) return underflow();
        const Index name = pop();
        const Index module = pop();
        if (at(name).kind != Kind::Text || at(module).kind != Kind::Text) {
          return error("the pickle asks for a name that is not text");
        }
        return push_global(at(module).text, at(name).text);
      }
      case kReduce:
      case kNewObj: {
        if (!has(2)) return underflow();
        const Index arguments = pop();
        return call(pop(), arguments);
      }
      case kBuild:
        return build();
      case kBinPersId:
        return has(1) ? push_storage(pop()) : underflow();
      default:
        return error("opcode " + std::to_string(opcode) +
                     " is not one that a checkpoint needs; nothing was executed");
    }
  }

  Status check_protocol(std::optional<std::uint8_t> protocol) {
    if (!protocol) return ends();
    if (*protocol >= 2 && *protocol <= 5) return {};
    return error("pickle protocol " + std::to_string(*protocol) + ", expected 2 to 5");
  }

  template <typename T>
  Status push_integer(std::optional<T> value) {
    return value ? push({.kind = Kind::Int, .integer = *value}) : ends();
  }

  template <typename T>
  Status push_long(std::optional<T> size) {
    const auto bytes = size ? cursor_.text(*size) : std::nullopt;
    if (!bytes) return ends();
    if (bytes->size() > sizeof(std::int64_t)) return push({.kind = Kind::BigInt, .text = *bytes});
    std::uint64_t value = !bytes->empty() && static_cast<std::int8_t>(bytes->back()) < 0 ? ~0ULL : 0;
    std::memcpy(&value, bytes->data(), bytes->size());
    return push({.kind = Kind::Int, .integer = static_cast<std::int64_t>(value)});
  }

  Status push_float() {  // the one big-endian number of the format
    const auto bits = cursor_.number<std::uint64_t>();
    if (!bits) return ends();
    return push({.kind = Kind::Float, .number = std::bit_cast<double>(__builtin_bswap64(*bits))});
  }

  template <typename T>
  Status push_text(Kind kind, std::optional<T> size) {
    const auto text = size ? cursor_.text(*size) : std::nullopt;
    return text ? push({.kind = kind, .text = *text}) : ends();
  }

  Status push_tuple(std::size_t count) {
    if (!has(count)) return underflow();
    std::vector<Index> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return push({.kind = Kind::Tuple, .items = std::move(items)});
  }

  Status push_marked(Kind kind) {
    auto items = pop_to_mark();
    return items ? push({.kind = kind, .items = std::move(*items)}) : underflow();
  }

  Status add_marked(Kind kind) {
    const auto items = pop_to_mark();
    return items && has(1) ? add_items(kind, *items) : underflow();
  }

  // Adds to the container on top of the stack.
  Status add_items(Kind kind, const std::vector<Index>& items) {
    PickleValue& container = at(stack_.back());
    if (container.kind == Kind::Opaque) return {};
    if (container.kind != kind)
      return error("the pickle adds items to an object that is no container for them");
    if (kind == Kind::Dict && items.size() % 2 != 0) return error("the pickle sets a key without a value");
    references_ += items.size();
    if (references_ > kMaxReferences) return error("the pickle's containers hold more than 16777216 items");
    container.items.insert(container.items.end(), items.begin(), items.end());
    return {};
  }

  template <typename T>
  Status put(std::optional<T> key) {
    if (!key) return ends();
    if (!has(1)) return underflow();
    if (memo_.size() >= kMaxValues) return error("the pickle remembers more than 1048576 objects");
    memo_[*key] = stack_.back();
    return {};
  }
  Status put(std::uint32_t key) { return put(std::optional(key)); }

  template <typename T>
  Status get(std::optional<T> key) {
    if (!key) return ends();
    const auto found = memo_.find(*key);
    if (found == memo_.end()) {
      return error("the pickle refers to object " + std::to_string(*key) + " before making it");
    }
    stack_.push_back(found->second);
    return {};
  }

  Status push_global(std::string_view module, std::string_view name) {
    const auto row = find_pickle_global(module, name);
    if (row) return push({.kind = Kind::Callable, .integer = *row});
    return error("the file asks for '" + std::string(module.substr(0, 120)) + "." +
                 std::string(name.substr(0, 120)) +
                 "', which is neither a tensor nor plain data; nothing was executed");
  }

  Status build() {  // the state of an object that keeps none here: an OrderedDict's attributes, a Namespace
    if (!has(2)) return underflow();
    pop();
    const Kind kind = at(stack_.back()).kind;
    if (kind == Kind::Dict || kind == Kind::Opaque || kind == Kind::Tensor) return {};
    return error("the pickle sets the state of an object that has none");
  }

  Status call(Index callable, Index arguments) {
    // One level of indirection a turn; tuples cannot contain themselves.
    while (at(callable).kind == Kind::Callable && at(arguments).kind == Kind::Tuple) {
      const PickleGlobal& global = pickle_global(at(callable).integer);
      const std::vector<Index>& items = at(arguments).items;
      if (global.action != Action::RebuildFromType) return apply(global, items);
      if (items.size() < 3) return wrong_arguments(global);
      callable = items[0];
      arguments = items[2];
    }
    return error("the pickle calls an object that is not a known name; nothing was executed");
  }

  Status wrong_arguments(const PickleGlobal& global) const {
    return error("the pickle gives " + std::string(global.module) + "." + std::string(global.name) +
                 " arguments that it does not take");
  }

  Status apply(const PickleGlobal& global, const std::vector<Index>& arguments) {
    switch (global.action) {
      case Action::RebuildTensor:
      case Action::RebuildTensorV3:
        return push_tensor(global, arguments);
      case Action::RebuildParameter:
        if (arguments.empty() || at(arguments[0]).kind != Kind::Tensor) return wrong_arguments(global);
        stack_.push_back(arguments[0]);
        return {};
      case Action::MakeDict:
        return push_dict(global, arguments);
      case Action::MakeTuple: {
        if (arguments.size() != 1) return wrong_arguments(global);
        const PickleValue& sequence = at(arguments[0]);
        if (sequence.kind != Kind::Tuple && sequence.kind != Kind::List) return wrong_arguments(global);
        if (references_ + sequence.items.size() > kMaxReferences) return wrong_arguments(global);
        return push({.kind = Kind::Tuple, .items = sequence.items});
      }
      case Action::MakeOpaque:
        return push({.kind = Kind::Opaque});
      default:
        return wrong_arguments(global);
    }
  }

  Status push_dict(const PickleGlobal& global, const std::vector<Index>& arguments) {
    PickleValue dict{.kind = Kind::Dict};
    const bool filled = !arguments.empty() && at(arguments[0]).kind == Kind::List;
    if (filled && references_ + 2 * at(arguments[0]).items.size() > kMaxReferences) {
      return wrong_arguments(global);
    }
    if (filled) {
      for (const Index pair : at(arguments[0]).items) {
        const PickleValue& entry = at(pair);
        if ((entry.kind != Kind::Tuple && entry.kind != Kind::List) || entry.items.size() != 2) {
          return wrong_arguments(global);
        }
        dict.items.insert(dict.items.end(), entry.items.begin(), entry.items.end());
      }
    }
    return push(std::move(dict));
  }

  // ("storage", class, key, location, numel) and, in legacy files, what part of another storage it is.
  Status push_storage(Index identity) {
    const std::string wrong = "the pickle refers to an outside object that is not a tensor's storage";
    if (at(identity).kind != Kind::Tuple) return error(wrong);
    const std::vector<Index>& items = at(identity).items;
    if (items.size() < 5 || items.size() > 6 || at(items[0]).text != "storage") return error(wrong);
    if (at(items[1]).kind != Kind::Callable || at(items[2]).kind != Kind::Text ||
        at(items[4]).kind != Kind::Int || at(items[4]).integer < 0) {
      return error(wrong);
    }
    if (items.size() == 6 && at(items[5]).kind != Kind::None) {
      return error("the storage is a view of another storage (PyTorch before 0.4), which is not supported");
    }
    const PickleGlobal& type = pickle_global(at(items[1]).integer);
    const bool untyped = type.action == Action::UntypedStorage;
    if (!untyped && type.action != Action::TypedStorage) return error(wrong);
    const auto index = static_cast<std::int64_t>(pickle_.storages.size());
    pickle_.storages.push_back(
        {.key = at(items[2]).text, .dtype = type.dtype, .untyped = untyped, .numel = at(items[4]).integer});
    return push({.kind = Kind::Storage, .integer = index});
  }

  std::optional<std::vector<std::int64_t>> sizes(Index index) {
    const PickleValue& tuple = at(index);
    if (tuple.kind != Kind::Tuple || tuple.items.size() > Shape::kMaxRank) return std::nullopt;
    std::vector<std::int64_t> values;
    for (const Index item : tuple.items) {
      if (at(item).kind != Kind::Int) return std::nullopt;
      values.push_back(at(item).integer);
    }
    return values;
  }

  Status push_tensor(const PickleGlobal& global, const std::vector<Index>& arguments) {
    const bool typed_apart = global.action == Action::RebuildTensorV3;
    if (arguments.size() < (typed_apart ? 7U : 4U) || at(arguments[0]).kind != Kind::Storage ||
        at(arguments[1]).kind != Kind::Int) {
      return wrong_arguments(global);
    }
    const auto dims = sizes(arguments[2]);
    const auto strides = sizes(arguments[3]);
    if (!dims || !strides) return wrong_arguments(global);
    PickleTensor tensor{.storage = static_cast<std::uint32_t>(at(arguments[0]).integer),
                        .dtype = pickle_.storages[at(arguments[0]).integer].dtype,
                        .offset = at(arguments[1]).integer,
                        .dims = *dims,
                        .strides = *strides};
    if (typed_apart) {
      const PickleValue& type = at(arguments[6]);
      if (type.kind != Kind::Callable || pickle_global(type.integer).action != Action::ElementType) {
        return wrong_arguments(global);
      }
      tensor.dtype = pickle_global(type.integer).dtype;
    }
    const auto index = static_cast<std::int64_t>(pickle_.tensors.size());
    pickle_.tensors.push_back(std::move(tensor));
    return push({.kind = Kind::Tensor, .integer = index});
  }

  ByteCursor& cursor_;
  std::string_view where_;
  std::size_t start_;
  std::size_t opcode_at_ = 0;
  Pickle pickle_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;  // stack sizes when a mark was set; never above stack_.size()
  std::unordered_map<std::uint32_t, Index> memo_;
  std::size_t references_ = 0;  // items in all containers
};

}  // namespace

Result<Pickle> read_pickle(ByteCursor& cursor, std::string_view where) {
  return Interpreter(cursor, where).run();
}

}  // namespace facet::io
