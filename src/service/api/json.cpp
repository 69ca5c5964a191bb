#include "service/api/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace facet::service {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxKeys = 256;  // of one object: finding a key takes time in proportion
constexpr std::size_t kMaxValues = std::size_t{1} << 19;  // each takes tens of bytes, however short its text

[[noreturn]] void refuse_json(const Location& location, const std::string& reason) {
  ApiError error{.status = 400, .code = "bad_json", .message = location_text(location) + ": " + reason};
  error.details.push_back({location, reason, "json_invalid"});
  throw RefusedRequest(std::move(error));
}

/// Asked by the reader at each key, start and end.
class StrictReading {
 public:
  explicit StrictReading(const Location& location) : location_(location) {}

  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    if (depth > kMaxDepth) refuse_json(location_, fmt::format("nested deeper than {}", kMaxDepth));
    if (event == Json::parse_event_t::value || event == Json::parse_event_t::object_start ||
        event == Json::parse_event_t::array_start) {
      if (++values_ > kMaxValues) refuse_json(location_, fmt::format("more than {} values", kMaxValues));
    }
    if (event == Json::parse_event_t::object_start) {
      keys_.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (keys_.back().size() == kMaxKeys)
        refuse_json(location_, fmt::format("an object of more than {} keys", kMaxKeys));
      if (!keys_.back().insert(key).second) refuse_json(location_, "an object holds a key twice");
    }
    return true;
  }

 private:
  const Location& location_;
  std::vector<std::set<std::string>> keys_;
  std::size_t values_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const Location& location) {
  try {
    return Json::parse(text.begin(), text.end(), StrictReading(location));
  } catch (const Json::parse_error& error) {
    refuse_json(location, fmt::format("not valid JSON at byte {}", error.byte));
  } catch (const Json::out_of_range&) {
    refuse_json(location, "a number does not fit a double");
  }
}

const Json* member(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

double shortest(float value) { return std::stod(fmt::format("{}", value)); }

}  // namespace facet::service
