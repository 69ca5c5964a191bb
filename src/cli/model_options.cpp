#include "cli/model_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace facet::cli {

void bind_model_folder(CLI::App& command, ModelOptions& options) {
  command.add_option("--model-dir", options.folder,
                     "where models lie; else FACET_MODEL_DIR, else facet/models in the user's cache folder");
}

void bind_model(CLI::App& command, ModelOptions& options) {
  command.add_option("--model", options.model, "name ('facet models' lists them) or checkpoint file")
      ->type_name("NAME|FILE")
      ->capture_default_str();
  bind_model_folder(command, options);
  command
      .add_option("--device", options.device, "cpu, cuda (an NVIDIA GPU), or cuda:NUMBER for one of several")
      ->type_name("NAME")
      ->capture_default_str();
  command
      .add_option(
          "--precision", options.precision,
          "arithmetic of the image encoder: fp32, bf16 and int8 (faster, masks nearly the same), or "
          "auto, the fastest of this processor; by default what a packed model (.facet) was packed in, of "
          "others fp32, on a GPU bf16")
      ->type_name("NAME")
      ->check([](const std::string& name) {
        return precision_from_name(name) ? std::string()
                                         : fmt::format("expected fp32, bf16, int8 or auto, found '{}'", name);
      });
  bind_pack_cache(command, options);
}

void bind_pack_cache(CLI::App& command, ModelOptions& options) {
  command.add_flag("--no-pack-cache", options.no_pack_cache,
                   "neither keep nor use packed forms of models (packed/ in the models' folder)");
}

Result<models::ModelFolder> open_model_folder(const ModelOptions& options, const Io& io) {
  FACET_ASSIGN_OR_RETURN(std::filesystem::path path,
                         models::choose_model_folder(options.folder, io.folder_variables));
  return models::ModelFolder(std::move(path));
}

Result<std::filesystem::path> find_model_path(const ModelOptions& options, const Io& io) {
  // A file needs no folder, so that a machine without HOME can still name one.
  if (models::find_model(options.model) == nullptr) {
    return models::ModelFolder(options.folder).resolve(options.model);
  }
  FACET_ASSIGN_OR_RETURN(const models::ModelFolder folder, open_model_folder(options, io));
  return folder.resolve(options.model);
}

std::filesystem::path packed_folder(const ModelOptions& options, const Io& io) {
  if (options.no_pack_cache) return {};
  const auto folder = models::choose_model_folder(options.folder, io.folder_variables);
  return folder.ok() ? *folder / "packed" : std::filesystem::path();
}

Result<ModelPtr> load_model_at(const std::filesystem::path& path, const ModelOptions& options, int threads,
                               Io& io) {
  const bool on_cpu = options.device == "cpu";
  const std::optional<Precision> precision = precision_from_name(options.precision);
  if (on_cpu && precision && !runs_fast(*precision)) {
    tell(io, fmt::format("--precision {}: this processor has no instructions for it; fp32 is faster here",
                         options.precision));
  }
  FACET_ASSIGN_OR_RETURN(ModelPtr model, load_model(path, {.threads = threads,
                                                           .precision = precision,
                                                           .device = options.device,
                                                           .packed_folder = packed_folder(options, io)}));
  for (const std::string& layer : model_info(*model).kept_layers) {
    tell(io, fmt::format("{} stays in bf16", layer));
  }
  return model;
}

}  // namespace facet::cli
