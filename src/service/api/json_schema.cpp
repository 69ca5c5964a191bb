#include "service/api/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace facet::service {
namespace {

constexpr std::size_t kMaxDetails = 20;
constexpr std::string_view kRefPrefix = "#/components/schemas/";

struct TypeWords {
  std::string_view name;
  std::string_view type;
  std::string_view message;
};
constexpr std::array<TypeWords, 7> kTypes = {{
    {"object", "model_type", "expected an object"},
    {"array", "list_type", "expected a list"},
    {"string", "string_type", "expected a text"},
    {"integer", "int_type", "expected a whole number"},
    {"number", "float_type", "expected a number"},
    {"boolean", "bool_type", "expected true or false"},
    {"null", "none_required", "expected null"},
}};

bool has_type(const Json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return value.is_number_integer();
}

/// The length of UTF-8 text in characters.
std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

class Checker {
 public:
  Checker(const Json& components, Location location)
      : components_(components), location_(std::move(location)) {}

  void check(const Json& value, const Json& schema) {
    if (details_.size() >= kMaxDetails) return;
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      return check(value, components_.at(ref->get_ref<const std::string&>().substr(kRefPrefix.size())));
    }
    if (const auto any = schema.find("anyOf"); any != schema.end()) return check_any(value, *any);
    if (!check_type(value, schema)) return;
    if (const auto allowed = schema.find("enum"); allowed != schema.end()) check_enum(value, *allowed);
    if (value.is_number()) check_range(value, schema);
    if (value.is_string() && (schema.contains("minLength") || schema.contains("maxLength"))) {
      check_length(characters(value.get_ref<const std::string&>()), schema, "minLength", "maxLength",
                   "characters");
    }
    if (value.is_array()) check_items(value, schema);
    if (value.is_object()) check_members(value, schema);
  }

  std::vector<ErrorDetail> take() && { return std::move(details_); }

 private:
  void note(std::string_view type, std::string message) {
    details_.push_back({location_, std::move(message), std::string(type)});
  }

  /// The branch whose type fits is the one that is reported; none: all types are named.
  void check_any(const Json& value, const Json& branches) {
    std::vector<ErrorDetail> nearest;
    for (const Json& branch : branches) {
      Checker inner(components_, location_);
      inner.check(value, branch);
      if (inner.details_.empty()) return;
      if (nearest.empty() || inner.details_[0].location.size() > location_.size())
        nearest = std::move(inner.details_);
    }
    details_.insert(details_.end(), nearest.begin(), nearest.end());
  }

  bool check_type(const Json& value, const Json& schema) {
    const auto type = schema.find("type");
    if (type == schema.end()) return true;
    const Json types = type->is_array() ? *type : Json::array({*type});
    for (const Json& name : types) {
      if (has_type(value, name.get_ref<const std::string&>())) return true;
    }
    const auto* words =
        std::ranges::find(kTypes, std::string_view(types[0].get_ref<const std::string&>()), &TypeWords::name);
    note(words->type, fmt::format("{}, found {}", words->message, value.type_name()));
    return false;
  }

  void check_enum(const Json& value, const Json& allowed) {
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
    std::string names;
    for (const Json& name : allowed) names += (names.empty() ? "" : ", ") + name.dump();
    note("enum", "expected one of " + names);
  }

  void check_range(const Json& value, const Json& schema) {
    const double number = value.get<double>();
    if (const auto minimum = schema.find("minimum");
        minimum != schema.end() && number < minimum->get<double>()) {
      note("greater_than_equal", fmt::format("expected {} or more, found {}", minimum->dump(), value.dump()));
    }
    if (const auto maximum = schema.find("maximum");
        maximum != schema.end() && number > maximum->get<double>()) {
      note("less_than_equal", fmt::format("expected {} or less, found {}", maximum->dump(), value.dump()));
    }
  }

  void check_length(std::size_t length, const Json& schema, const char* least, const char* most,
                    const char* unit) {
    if (const auto low = schema.find(least); low != schema.end() && length < low->get<std::size_t>()) {
      note("too_short",
           fmt::format("expected at least {} {}, found {}", low->get<std::size_t>(), unit, length));
    }
    if (const auto high = schema.find(most); high != schema.end() && length > high->get<std::size_t>()) {
      note("too_long",
           fmt::format("expected at most {} {}, found {}", high->get<std::size_t>(), unit, length));
    }
  }

  void check_items(const Json& value, const Json& schema) {
    const std::size_t before = details_.size();
    check_length(value.size(), schema, "minItems", "maxItems", "items");
    const auto items = schema.find("items");
    if (items == schema.end() || details_.size() != before) return;
    for (std::size_t i = 0; i < value.size(); ++i) {
      location_.emplace_back(i);
      check(value[i], *items);
      location_.pop_back();
    }
  }

  void check_members(const Json& value, const Json& schema) {
    if (const auto required = schema.find("required"); required != schema.end()) {
      for (const Json& name : *required) {
        if (value.contains(name.get_ref<const std::string&>())) continue;
        note_at(name.get<std::string>(), "missing", "this field is required");
      }
    }
    const auto properties = schema.find("properties");
    if (properties == schema.end()) return;
    const bool closed = schema.value("additionalProperties", Json(true)) == Json(false);
    for (const auto& [name, member] : value.items()) {
      const auto known = properties->find(name);
      if (known != properties->end()) {
        location_.emplace_back(name);
        check(member, *known);
        location_.pop_back();
      } else if (closed) {
        note_at(name.substr(0, 64), "extra_forbidden", "this field is not known");
      }
    }
  }

  void note_at(std::string name, std::string_view type, std::string message) {
    location_.emplace_back(std::move(name));
    note(type, std::move(message));
    location_.pop_back();
  }

  const Json& components_;
  Location location_;
  std::vector<ErrorDetail> details_;
};

}  // namespace

std::vector<ErrorDetail> check_schema(const Json& value, const Json& schema, const Json& components,
                                      const Location& location) {
  Checker checker(components, location);
  checker.check(value, schema);
  return std::move(checker).take();
}

void require_schema(const Json& value, const Json& schema, const Json& components, const Location& location) {
  std::vector<ErrorDetail> details = check_schema(value, schema, components, location);
  if (details.empty()) return;
  ApiError error{.status = 422, .code = "invalid_request"};
  error.message = location_text(details[0].location) + ": " + details[0].message;
  error.details = std::move(details);
  throw RefusedRequest(std::move(error));
}

}  // namespace facet::service
