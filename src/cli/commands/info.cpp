#include "cli/commands/info.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/model_options.h"
#include "io/checkpoint.h"
#include "models/architecture.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  ModelOptions model;
  bool tensors = false;
  bool json = false;
};

struct DTypeCount {
  std::int64_t tensors = 0;
  std::int64_t numbers = 0;
};

/// What is said about a file.
struct FileInfo {
  std::string model;    ///< empty = not recognised
  std::string problem;  ///< why not
  std::map<std::string, DTypeCount> dtypes;
  std::int64_t numbers = 0;
};

FileInfo inspect(const io::Checkpoint& file) {
  FileInfo info;
  const Result<models::Architecture> architecture = models::recognise(file);
  if (architecture.ok()) info.model = architecture->name;
  if (!architecture.ok()) info.problem = architecture.status().message();
  for (const auto& [name, record] : file.tensors()) {
    DTypeCount& count = info.dtypes[std::string(dtype_name(record.dtype))];
    ++count.tensors;
    count.numbers += record.shape.numel();
    info.numbers += record.shape.numel();
  }
  return info;
}

std::string dtypes_text(const FileInfo& info) {
  std::string text;
  for (const auto& [dtype, count] : info.dtypes) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.tensors, dtype);
  }
  return text;
}

std::string info_text(const io::Checkpoint& file, const FileInfo& info, bool list) {
  std::vector<std::vector<std::string>> rows = {
      {"file", file.path().string()},
      {"container", file.container()},
      {"size", human_bytes(static_cast<double>(file.size_bytes()))},
      {"model", info.model.empty() ? "not recognised: " + printable(info.problem) : info.model},
      {"tensors", fmt::format("{} ({})", file.tensors().size(), dtypes_text(info))},
      {"numbers", std::to_string(info.numbers)}};
  for (const auto& [key, value] : file.metadata()) rows.push_back({printable(key), printable(value)});
  std::string text = human_table(rows);
  if (!list) return text;
  rows = {{"TENSOR", "TYPE", "SHAPE"}};
  for (const auto& [name, record] : file.tensors()) {
    rows.push_back({printable(name), std::string(dtype_name(record.dtype)), record.shape.to_string()});
  }
  return text + "\n" + human_table(rows);
}

Json info_json(const io::Checkpoint& file, const FileInfo& info, bool list) {
  Json document = {
      {"path", file.path().string()},     {"container", file.container()},
      {"size_bytes", file.size_bytes()},  {"model", info.model.empty() ? Json() : Json(info.model)},
      {"tensors", file.tensors().size()}, {"parameters", info.numbers},
      {"dtypes", Json::object()},         {"metadata", file.metadata()}};
  if (!info.problem.empty()) document["problem"] = info.problem;
  for (const auto& [dtype, count] : info.dtypes) {
    document["dtypes"][dtype] = {{"tensors", count.tensors}, {"parameters", count.numbers}};
  }
  if (!list) return document;
  document["list"] = Json::array();
  for (const auto& [name, record] : file.tensors()) {
    const auto dims = record.shape.dims();
    document["list"].push_back({{"name", name},
                                {"dtype", dtype_name(record.dtype)},
                                {"shape", std::vector<std::int64_t>(dims.begin(), dims.end())}});
  }
  return document;
}

Status run_info(const InfoOptions& options, Io& io) {
  FACET_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model_path(options.model, io));
  FACET_ASSIGN_OR_RETURN(const io::Checkpoint file, io::Checkpoint::open(path));
  const FileInfo info = inspect(file);
  if (!options.json) return print(io, info_text(file, info, options.tensors));
  return print(
      io, info_json(file, info, options.tensors).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
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
