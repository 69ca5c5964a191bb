#pragma once

#include <string>

#include "cli/cli11_fwd.h"
#include "cli/io.h"
#include "facet/model.h"
#include "facet/status.h"
#include "models/catalogue.h"
#include "models/model_folder.h"

namespace facet::cli {

/// Where models lie and which one is meant, as all commands take it.
struct ModelOptions {
  std::string model = std::string(models::kDefaultModel);
  std::string folder;  ///< empty = FACET_MODEL_DIR or the cache
  std::string device = "cpu";
  std::string precision;  ///< empty = what a packed model was packed in; of others fp32, on a GPU bf16
  bool no_pack_cache = false;
};

void bind_model_folder(CLI::App& command, ModelOptions& options);
/// --no-pack-cache
void bind_pack_cache(CLI::App& command, ModelOptions& options);
/// --model, --model-dir, --device, --precision and --no-pack-cache
void bind_model(CLI::App& command, ModelOptions& options);

/// Errors  Usage when nothing says where models lie
Result<models::ModelFolder> open_model_folder(const ModelOptions& options, const Io& io);
/// The file or folder of the model that is meant.   Errors  BadModel, Usage
Result<std::filesystem::path> find_model_path(const ModelOptions& options, const Io& io);
/// Where packed models are kept; empty where nothing says where, or --no-pack-cache is given.
std::filesystem::path packed_folder(const ModelOptions& options, const Io& io);
/// The model at `path` in the precision that is meant; says where this processor has no instructions for it,
/// and which layers of an int8 model stay in bf16. Errors  BadModel
Result<ModelPtr> load_model_at(const std::filesystem::path& path, const ModelOptions& options, int threads,
                               Io& io);

}  // namespace facet::cli
