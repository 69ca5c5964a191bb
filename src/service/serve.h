#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "facet/status.h"
#include "models/model_folder.h"
#include "service/config.h"

namespace facet::service {

struct ServeOptions {
  ServiceConfig config;
  models::ModelFolder folder;           ///< where models lie that are named, not given as a file
  std::filesystem::path packed_folder;  ///< LoadOptions::packed_folder
  std::string version;
  std::stop_token stop;  ///< SIGTERM: begins the drain
  /// Reads and checks the configuration again, for SIGHUP: its models and aliases take over.
  std::function<Result<ServiceConfig>(const std::stop_token& stop)> reload;
  /// Both ports are bound; the second is 0 when there is none.
  std::function<void(std::uint16_t port, std::uint16_t admin_port)> listening;
};

/// Runs the service until `stop`, the drain, and the end of what is in flight.
///
/// The ports are bound first and answer at once; models load in the background. On `stop` readiness falls,
/// new requests are still taken for the drain delay, then no more are accepted and those in flight come to
/// their end, for the drain limit at most.
///
/// Errors  Usage naming the key: an address in use, unreadable tokens or TLS files, a model that is unknown
Status serve(const ServeOptions& options);

}  // namespace facet::service
