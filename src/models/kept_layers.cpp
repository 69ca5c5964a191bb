#include "models/kept_layers.h"

#include <sstream>

namespace facet::models {

std::set<std::string> kept_layers(const io::WeightSource& source) {
  std::istringstream words(source.note(kKeptLayersKey));
  std::set<std::string> layers;
  for (std::string word; words >> word;) layers.insert(word);
  return layers;
}

std::string join_kept_layers(std::span<const std::string> layers) {
  std::string text;
  for (const std::string& layer : layers) text += (text.empty() ? "" : " ") + layer;
  return text;
}

}  // namespace facet::models
