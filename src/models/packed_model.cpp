#include "models/packed_model.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "io/bad_model.h"
#include "io/safetensors_writer.h"
#include "models/packed_store.h"
#include "models/packing_store.h"
#include "models/sam_model.h"
#include "ops/cpu_library.h"

namespace facet::models {
namespace {

using io::bad_model;
using Json = nlohmann::json;

constexpr const char* kMachineKey = "facet.machine";
constexpr const char* kPrecisionKey = "facet.precision";
constexpr const char* kFingerprintKey = "facet.fingerprint";
constexpr const char* kParametersKey = "facet.parameters";
constexpr std::uint64_t kMostDim = 1U << 20U;  // far beyond any model, and products of two stay in range

template <class Number>
Result<Number> number_in(const io::WeightSource& file, const char* key, int base) {
  const std::string text = file.note(key);
  Number number{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (!text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size()) return number;
  return bad_model(fmt::format("packed model: {} is '{}', expected a number", key, text));
}

Status expect(const io::WeightSource& file, const char* key, const std::string& here, const char* what) {
  const std::string found = file.note(key);
  if (found == here) return {};
  return bad_model(
      fmt::format("packed for {} '{}', here it is '{}': pack its checkpoint again "
                  "(facet convert)",
                  what, found, here));
}

struct Directory {
  PackedStore::Shapes shapes;
  PackedStore::Layouts layouts;
};

std::string directory_text(const io::WeightSource& source, const PackingStore& store) {
  Json shapes = Json::object();
  for (const std::string& name : source.names()) {
    const Shape shape = source.shape(name).value_or(Shape());
    shapes[name] = std::vector<std::int64_t>(shape.dims().begin(), shape.dims().end());
  }
  Json layouts = Json::object();
  for (const auto& [name, entry] : store.entries()) {
    if (!entry.layout.empty()) layouts[name] = entry.layout;
  }
  return Json({{"shapes", shapes}, {"layouts", layouts}}).dump();
}

std::optional<Shape> shape_from(const Json& list) {
  if (!list.is_array() || list.size() > Shape::kMaxRank) return std::nullopt;
  std::vector<std::int64_t> dims;
  for (const Json& dim : list) {
    if (!dim.is_number_unsigned() || dim.get<std::uint64_t>() > kMostDim) return std::nullopt;
    dims.push_back(dim.get<std::int64_t>());
  }
  return Shape(dims);
}

Result<Directory> read_directory(const io::WeightSource& file) {
  const Json json = Json::parse(file.note(kPackedDirectoryKey), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("shapes") || !json.contains("layouts") ||
      !json["shapes"].is_object() || !json["layouts"].is_object()) {
    return bad_model(fmt::format("packed model: {} is no directory", kPackedDirectoryKey));
  }
  Directory directory;
  for (const auto& [name, list] : json["shapes"].items()) {
    const std::optional<Shape> shape = shape_from(list);
    if (!shape) return bad_model("packed model: the shape of '" + name + "' makes no sense");
    directory.shapes.emplace(name, *shape);
  }
  for (const auto& [name, layout] : json["layouts"].items()) {
    if (!layout.is_string()) return bad_model("packed model: the layout of '" + name + "' is no text");
    directory.layouts.emplace(name, layout.get<std::string>());
  }
  return directory;
}

/// The names and shapes of a checkpoint without its values: enough to recognise an architecture.
class ShapesOnly : public io::WeightSource {
 public:
  explicit ShapesOnly(const PackedStore::Shapes& shapes) : shapes_(shapes) {}
  [[nodiscard]] std::string describe() const override { return "packed model"; }
  [[nodiscard]] std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, shape] : shapes_) names.push_back(name);
    return names;
  }
  [[nodiscard]] std::optional<Shape> shape(std::string_view name) const override {
    const auto found = shapes_.find(name);
    return found == shapes_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] Result<Tensor> read_float32(std::string_view /*name*/) const override {
    return bad_model("a packed model does not hold the weights of its checkpoint");
  }
  void release(std::string_view /*name*/) const override {}

 private:
  const PackedStore::Shapes& shapes_;
};

Status write_packed(const std::filesystem::path& output, const io::WeightSource& source,
                    const PackingStore& store, const ModelInfo& info) {
  if (!store.unkeepable().empty()) {
    return {StatusCode::Usage, "the layout of " + store.unkeepable() + " cannot be kept in a file"};
  }
  const std::map<std::string, std::string> metadata = {
      {kPackedKey, std::to_string(kPackedFormat)},
      {"model", info.architecture},
      {kPrecisionKey, info.precision},
      {kMachineKey, packing_machine()},
      {kFingerprintKey, fmt::format("{:016x}", info.fingerprint)},
      {kParametersKey, std::to_string(info.parameters)},
      {kPackedDirectoryKey, directory_text(source, store)}};
  std::vector<io::NamedTensor> tensors;
  for (const auto& [name, entry] : store.entries()) tensors.push_back({name, entry.bytes});
  return io::write_safetensors(output, tensors, metadata);
}

/// What the file was packed in.   Errors  BadModel when that is no precision
Result<Precision> packed_precision(const io::WeightSource& file) {
  const std::string name = file.note(kPrecisionKey);
  const std::optional<Precision> precision = precision_from_name(name);
  if (precision && *precision != Precision::Auto) return *precision;
  return bad_model(fmt::format("packed model: {} is '{}', expected fp32, bf16 or int8", kPrecisionKey, name));
}

Result<ModelPtr> build_packed(const std::shared_ptr<const io::Checkpoint>& file,
                              std::optional<Precision> asked, const std::filesystem::path& origin) {
  FACET_RETURN_IF_ERROR(expect(*file, kPackedKey, std::to_string(kPackedFormat), "format"));
  FACET_RETURN_IF_ERROR(expect(*file, kMachineKey, packing_machine(), "the machine"));
  if (asked && *asked != Precision::Auto) {
    FACET_RETURN_IF_ERROR(expect(*file, kPrecisionKey, std::string(precision_name(*asked)), "the precision"));
  }
  FACET_ASSIGN_OR_RETURN(const Precision precision, packed_precision(*file));
  FACET_ASSIGN_OR_RETURN(const Directory directory, read_directory(*file));
  FACET_ASSIGN_OR_RETURN(const Architecture architecture, recognise(ShapesOnly(directory.shapes)));
  FACET_ASSIGN_OR_RETURN(const auto fingerprint, number_in<std::uint64_t>(*file, kFingerprintKey, 16));
  FACET_ASSIGN_OR_RETURN(const auto parameters, number_in<std::int64_t>(*file, kParametersKey, 10));
  file->populate();
  const ops::KernelsPtr kernels = ops::cpu_kernels(precision);
  PackedStore store(file, directory.shapes, directory.layouts, kernels);
  const auto model = std::make_shared<Model>(store, architecture);
  model->kernels = kernels;
  model->info.path = origin.empty() ? file->path() : origin;
  model->info.parameters = parameters;
  model->info.fingerprint = fingerprint;
  note_layers(*model, store.take_packed_layers());
  return ModelPtr(model);
}

}  // namespace

bool is_packed(const io::WeightSource& source) { return !source.note(kPackedKey).empty(); }

std::string packing_machine() {
  const ops::CpuLibrary library = ops::cpu_library();
  return fmt::format("oneDNN {}, {}", library.version, library.instruction_set);
}

Result<PackResult> pack_model(const io::WeightSource& source, Precision precision, std::set<std::string> kept,
                              const std::filesystem::path& output) {
  FACET_ASSIGN_OR_RETURN(const Architecture architecture, recognise(source));
  const ops::KernelsPtr kernels = ops::cpu_kernels(precision);
  PackingStore store(source, kernels, std::move(kept));
  FACET_ASSIGN_OR_RETURN(ModelPtr model, build_model(store, architecture, source, kernels));
  const Status written = write_packed(output, source, store, model_info(*model));
  return PackResult{std::move(model), written};
}

Result<ModelPtr> open_packed_model(const std::shared_ptr<const io::Checkpoint>& file,
                                   std::optional<Precision> precision, const std::filesystem::path& origin) {
  try {
    Result<ModelPtr> model = build_packed(file, precision, origin);
    if (model.ok()) return model;
    return model.status().with_context(file->path().string());
  } catch (const StatusError& error) {
    return error.status().with_context(file->path().string());
  }
}

Result<std::string> packed_architecture(const io::WeightSource& file) {
  FACET_ASSIGN_OR_RETURN(const Directory directory, read_directory(file));
  FACET_ASSIGN_OR_RETURN(const Architecture architecture, recognise(ShapesOnly(directory.shapes)));
  return architecture.name;
}

}  // namespace facet::models
