#pragma once

#include <string>
#include <string_view>

namespace facet::service {

/// The names in a Label Studio labelling configuration that a brush result refers to.
struct LabelConfig {
  std::string brush_name = "brush";  ///< of the first BrushLabels
  std::string image_name = "image";  ///< of the picture it is for
  std::string data_key = "image";    ///< of the picture in a task's data
  std::string first_label = "object";
};

/// Looks for the tags Image, BrushLabels and the first Label in XML; what is not found keeps its default. Any
/// text may be given: it is only searched, entities are not expanded.
[[nodiscard]] LabelConfig read_label_config(std::string_view xml);

}  // namespace facet::service
