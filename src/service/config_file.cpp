#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <string_view>

#include "service/config.h"

namespace facet::service {
namespace {

std::string line_of(const YAML::Node& node) { return fmt::format("line {}", node.Mark().line + 1); }

Result<std::string> scalar(const YAML::Node& node, const std::string& key) {
  if (node.IsScalar()) return node.Scalar();
  return bad_config(fmt::format("{}: expected one value", key));
}

/// A file, or {file: ..., precision: ...}
Status set_model_node(const std::string& name, const YAML::Node& node, ServiceConfig& config) {
  if (node.IsScalar()) return set_config_key(config, "model", name + "=" + node.Scalar());
  if (!node.IsMap())
    return bad_config(fmt::format("models.{}: expected a file, or file and precision", name));
  std::string file;
  std::string precision;
  for (const auto& entry : node) {
    const std::string key = entry.first.Scalar();
    FACET_ASSIGN_OR_RETURN(const std::string value, scalar(entry.second, "models." + name + "." + key));
    if (key == "file") {
      file = value;
    } else if (key == "precision") {
      precision = value;
    } else {
      return bad_config(fmt::format("models.{}: unknown key '{}': expected file and precision", name, key));
    }
  }
  return set_config_key(config, "model", name + "=" + file + (precision.empty() ? "" : "," + precision));
}

Status set_map(const std::string& key, const YAML::Node& node, ServiceConfig& config) {
  if (!node.IsMap()) return bad_config(fmt::format("{}: expected a map from names", key));
  for (const auto& entry : node) {
    const std::string name = entry.first.Scalar();
    Status status = key == "models"
                        ? set_model_node(name, entry.second, config)
                        : set_config_key(config, "alias",
                                         name + "=" + (entry.second.IsScalar() ? entry.second.Scalar() : ""));
    if (!status.ok()) return status.with_context(line_of(entry.second));
  }
  return {};
}

Status set_node(const std::string& key, const YAML::Node& node, ServiceConfig& config) {
  if (key == "models" || key == "aliases") return set_map(key, node, config);
  const auto known = std::ranges::find(config_keys(), std::string_view(key), &ConfigKey::name);
  if (node.IsSequence() && known != config_keys().end() && known->many) {
    for (const YAML::Node& item : node) {
      FACET_ASSIGN_OR_RETURN(const std::string value, scalar(item, key));
      FACET_RETURN_IF_ERROR(set_config_key(config, key, value));
    }
    return {};
  }
  FACET_ASSIGN_OR_RETURN(const std::string value, scalar(node, key));
  return set_config_key(config, key, value);
}

}  // namespace

Status read_config_file(const std::filesystem::path& path, ServiceConfig& config) {
  try {
    const YAML::Node root = YAML::LoadFile(path.string());
    if (root.IsNull()) return {};
    if (!root.IsMap()) return bad_config(path.string() + ": expected a map from keys to values");
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) return bad_config(path.string() + ": expected keys that are words");
      Status status = set_node(entry.first.Scalar(), entry.second, config);
      if (!status.ok()) return status.with_context(line_of(entry.first)).with_context(path.string());
    }
    return {};
  } catch (const YAML::BadFile&) {
    return bad_config(fmt::format("{}: cannot be read", path.string()));
  } catch (const YAML::Exception& error) {
    return bad_config(fmt::format("{}: not valid YAML: {}", path.string(), error.what()));
  }
}

}  // namespace facet::service
