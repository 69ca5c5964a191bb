#include <charconv>
#include <vector>

#include "facet/predictor.h"
#include "io/checkpoint.h"
#include "io/safetensors_writer.h"

namespace facet {
namespace {

constexpr const char* kFormat = "facet embedding 1";

struct NamedFeatures {
  const char* name;
  std::shared_ptr<const Tensor> Embedding::*tensor;
};
constexpr NamedFeatures kFeatures[] = {{"features", &Embedding::features},
                                       {"high_res0", &Embedding::high_res0},
                                       {"high_res1", &Embedding::high_res1}};

std::string size_field(Size size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

bool parse_size(const std::string& text, Size* size) {
  const char* end = text.data() + text.size();
  const auto height = std::from_chars(text.data(), end, size->height);
  if (height.ec != std::errc() || height.ptr == end || *height.ptr != 'x') return false;
  const auto width = std::from_chars(height.ptr + 1, end, size->width);
  return width.ec == std::errc() && width.ptr == end && size->height > 0 && size->width > 0;
}

}  // namespace

Status save_embedding(const Embedding& embedding, const std::filesystem::path& path) {
  if (embedding.features == nullptr)
    return {StatusCode::OutputFailed, path.string() + ": the embedding is empty"};
  std::vector<io::NamedTensor> tensors;
  for (const NamedFeatures& part : kFeatures) {
    if (embedding.*part.tensor) tensors.push_back({part.name, (embedding.*part.tensor)->view()});
  }
  return io::write_safetensors(path, tensors,
                               {{"format", kFormat},
                                {"original_size", size_field(embedding.original_size)},
                                {"input_size", size_field(embedding.input_size)},
                                {"model", std::to_string(embedding.model_fingerprint)}});
}

Result<Embedding> load_embedding(const std::filesystem::path& path) {
  FACET_ASSIGN_OR_RETURN(const io::Checkpoint file, io::Checkpoint::open(path));
  const auto entry = [&file](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  Embedding embedding;
  const std::string model = entry("model");
  const auto parsed = std::from_chars(model.data(), model.data() + model.size(), embedding.model_fingerprint);
  if (entry("format") != kFormat || !parse_size(entry("original_size"), &embedding.original_size) ||
      !parse_size(entry("input_size"), &embedding.input_size) || parsed.ec != std::errc()) {
    return Status(StatusCode::BadModel, path.string() + " is not an embedding: expected the format '" +
                                            kFormat + "' with sizes and model, found '" + entry("format") +
                                            "'");
  }
  for (const NamedFeatures& part : kFeatures) {
    const bool optional = part.tensor != &Embedding::features;
    if (optional && !file.shape(part.name)) continue;
    FACET_ASSIGN_OR_RETURN(Tensor tensor, file.read_float32(part.name));
    embedding.*part.tensor = std::make_shared<const Tensor>(std::move(tensor));
  }
  return embedding;
}

}  // namespace facet
