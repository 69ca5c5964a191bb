#include "cli/commands/info.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/model_options.h"
#include "io/checkpoint.h"
#include "models/architecture.h"
#include "models/open_weights.h"
#include "models/packed_model.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct InfoOptions {
  ModelOptions model;
  bool tensors = false;
  bool json = false;
};

struct TensorInfo {
  std::string name;
  std::string dtype;
  Shape shape;
};

/// What is said about a file, or about a folder whose files hold one model.
struct ModelFileInfo {
  std::string container;
  std::string nested_key;
  std::uint64_t size_bytes = 0;
  std::string model;    ///< empty = not recognised
  std::string problem;  ///< why not
  std::map<std::string, std::string> metadata;
  std::vector<TensorInfo> tensors;
};

struct Count {
  std::int64_t tensors = 0;
  std::int64_t numbers = 0;
};

/// By type, and of all under "".
std::map<std::string, Count> count_tensors(const ModelFileInfo& info) {
  std::map<std::string, Count> counts = {{"", {}}};
  for (const TensorInfo& tensor : info.tensors) {
    for (const std::string& key : {std::string(), tensor.dtype}) {
      ++counts[key].tensors;
      counts[key].numbers += tensor.shape.numel();
    }
  }
  return counts;
}

Status read_file(const fs::path& path, ModelFileInfo& info) {
  FACET_ASSIGN_OR_RETURN(const io::Checkpoint file, io::Checkpoint::open(path));
  info.container = file.container();
  info.nested_key = file.nested_key();
  info.size_bytes = file.size_bytes();
  info.metadata = file.metadata();
  if (models::is_packed(file)) {
    info.container = "packed model (safetensors)";
    info.metadata.erase(models::kPackedDirectoryKey);  // as long as the list of tensors
  }
  for (const auto& [name, record] : file.tensors()) {
    info.tensors.push_back({name, std::string(dtype_name(record.dtype)), record.shape});
  }
  return {};
}

Status read_folder(const fs::path& path, ModelFileInfo& info) {
  FACET_ASSIGN_OR_RETURN(const auto source, models::open_weights(path));
  info.container = "folder of ONNX files";
  std::error_code error;
  for (fs::directory_iterator file(path, error), end; !error && file != end; file.increment(error)) {
    if (file->path().extension() == ".onnx") info.size_bytes += file->file_size(error);
  }
  for (const std::string& name : source->names()) {
    info.tensors.push_back(
        {name, std::string(dtype_name(DType::Float32)), source->shape(name).value_or(Shape())});
  }
  return {};
}

Result<std::string> recognise_model(const fs::path& path) {
  FACET_ASSIGN_OR_RETURN(const auto source, models::open_weights(path));
  if (models::is_packed(*source)) return models::packed_architecture(*source);
  FACET_ASSIGN_OR_RETURN(const models::Architecture architecture, models::recognise(*source));
  return architecture.name;
}

Result<ModelFileInfo> inspect(const fs::path& path) {
  ModelFileInfo info;
  std::error_code error;
  FACET_RETURN_IF_ERROR(fs::is_directory(path, error) ? read_folder(path, info) : read_file(path, info));
  const Result<std::string> model = recognise_model(path);
  info.model = model.ok() ? *model : std::string();
  info.problem = model.status().message();
  return info;
}

std::string tensors_text(const std::map<std::string, Count>& counts) {
  std::string types;
  for (const auto& [dtype, count] : counts) {
    if (!dtype.empty()) types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count.tensors, dtype);
  }
  return fmt::format("{} ({})", counts.at("").tensors, types);
}

// The bytes of a packed model are not its parameters: it says how many its checkpoint had.
std::string parameters_text(const ModelFileInfo& info, std::int64_t numbers) {
  const auto noted = info.metadata.find("facet.parameters");
  return noted == info.metadata.end() ? std::to_string(numbers) : printable(noted->second);
}

std::string info_text(const fs::path& path, const ModelFileInfo& info, bool list) {
  const auto counts = count_tensors(info);
  std::vector<std::vector<std::string>> rows = {
      {"file", path.string()},
      {"container", info.container},
      {"size", human_bytes(static_cast<double>(info.size_bytes))},
      {"model", info.model.empty() ? "not recognised: " + printable(info.problem) : info.model},
      {"tensors", tensors_text(counts)},
      {"parameters", parameters_text(info, counts.at("").numbers)}};
  if (!info.nested_key.empty()) rows.push_back({"under key", printable(info.nested_key)});
  for (const auto& [key, value] : info.metadata) rows.push_back({printable(key), printable(value)});
  std::string text = human_table(rows);
  if (!list) return text;
  rows = {{"TENSOR", "TYPE", "SHAPE"}};
  for (const TensorInfo& tensor : info.tensors) {
    rows.push_back({printable(tensor.name), tensor.dtype, tensor.shape.to_string()});
  }
  return text + "\n" + human_table(rows);
}

Json info_json(const fs::path& path, const ModelFileInfo& info, bool list) {
  const auto counts = count_tensors(info);
  Json document = {{"path", path.string()},
                   {"container", info.container},
                   {"nested_key", info.nested_key.empty() ? Json() : Json(info.nested_key)},
                   {"size_bytes", info.size_bytes},
                   {"model", info.model.empty() ? Json() : Json(info.model)},
                   {"tensors", counts.at("").tensors},
                   {"parameters", counts.at("").numbers},
                   {"dtypes", Json::object()},
                   {"metadata", info.metadata}};
  if (!info.problem.empty()) document["problem"] = info.problem;
  for (const auto& [dtype, count] : counts) {
    if (!dtype.empty())
      document["dtypes"][dtype] = {{"tensors", count.tensors}, {"parameters", count.numbers}};
  }
  if (!list) return document;
  document["list"] = Json::array();
  for (const TensorInfo& tensor : info.tensors) {
    const auto dims = tensor.shape.dims();
    document["list"].push_back({{"name", tensor.name},
                                {"dtype", tensor.dtype},
                                {"shape", std::vector<std::int64_t>(dims.begin(), dims.end())}});
  }
  return document;
}

Status run_info(const InfoOptions& options, Io& io) {
  FACET_ASSIGN_OR_RETURN(const fs::path path, find_model_path(options.model, io));
  FACET_ASSIGN_OR_RETURN(const ModelFileInfo info, inspect(path));
  if (!options.json) return print(io, info_text(path, info, options.tensors));
  const Json document = info_json(path, info, options.tensors);
  return print(io, document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

void add_info_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command = app.add_subcommand("info", "Say what a checkpoint holds and which model it is");
  command->add_option("FILE", options->model.model, "a checkpoint, or a model by name")
      ->required()
      ->type_name("NAME|FILE");
  bind_model_folder(*command, options->model);
  command->add_flag("--tensors", options->tensors, "list every tensor");
  command->add_flag("--json", options->json, "print one JSON document");
  command->footer(
      "Nothing in the file is executed.\n\n"
      "Examples:\n"
      "  facet info sam_vit_b_01ec64.pth\n"
      "  facet info mobile_sam --tensors --json");
  set_run(*command, std::move(options), io, run_info);
}

}  // namespace facet::cli
