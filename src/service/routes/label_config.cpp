#include "service/routes/label_config.h"

#include <algorithm>

namespace facet::service {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// The inside of the first tag `name` at or after `start`: " name=\"tag\" toName=\"image\"".
std::string_view find_tag(std::string_view xml, std::string_view name, std::size_t start = 0) {
  const std::string open = "<" + std::string(name);
  for (std::size_t at = xml.find(open, start); at != std::string_view::npos; at = xml.find(open, at + 1)) {
    const std::size_t inside = at + open.size();
    if (inside < xml.size() &&
        (kSpace.find(xml[inside]) != std::string_view::npos || xml[inside] == '/' || xml[inside] == '>')) {
      return xml.substr(inside, std::min(xml.find('>', inside), xml.size()) - inside);
    }
  }
  return {};
}

/// Sets `target` when the tag has the attribute.
void read_attribute(std::string_view tag, std::string_view name, std::string& target) {
  for (std::size_t at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    const bool whole = at > 0 && kSpace.find(tag[at - 1]) != std::string_view::npos;
    std::size_t quote = at + name.size();
    if (!whole || quote + 1 >= tag.size() || tag[quote] != '=') continue;
    const char mark = tag[++quote];
    const std::size_t end = mark == '"' || mark == '\'' ? tag.find(mark, quote + 1) : std::string_view::npos;
    if (end == std::string_view::npos) continue;
    target = tag.substr(quote + 1, end - quote - 1);
    return;
  }
}

}  // namespace

LabelConfig read_label_config(std::string_view xml) {
  LabelConfig config;
  const std::string_view brush = find_tag(xml, "BrushLabels");
  if (!brush.empty()) {
    read_attribute(brush, "name", config.brush_name);
    read_attribute(brush, "toName", config.image_name);
    read_attribute(find_tag(xml, "Label", static_cast<std::size_t>(brush.data() - xml.data())), "value",
                   config.first_label);
  }
  std::string value;
  read_attribute(find_tag(xml, "Image"), "value", value);
  if (value.starts_with('$') && value.size() > 1) config.data_key = value.substr(1);
  return config;
}

}  // namespace facet::service
