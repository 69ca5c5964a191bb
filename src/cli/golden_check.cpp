#include "cli/golden_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/step_errors.h"
#include "cli/verify_run.h"
#include "facet/picture.h"
#include "facet/predictor.h"
#include "io/checkpoint.h"
#include "models/sam_model.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using ParsedJson = nlohmann::json;

Status damaged(const fs::path& path, const std::string& why) {
  return {StatusCode::BadModel, path.string() + ": " + why};
}

// Every step-th element of rows and columns, and every plane_step-th plane, of planes that `at(c, y, x)`
// gives.
template <class At>
Tensor subsample(const Shape& wanted, int plane_step, int step, const At& at) {
  Tensor out(wanted);
  auto to = out.data<float>().begin();
  for (std::int64_t c = 0; c < wanted[0]; ++c) {
    for (std::int64_t y = 0; y < wanted[1]; ++y) {
      for (std::int64_t x = 0; x < wanted[2]; ++x) *to++ = at(c * plane_step, y * step, x * step);
    }
  }
  return out;
}

Result<Prompt> prompt_of(const ParsedJson& entry, const io::Checkpoint& tensors) {
  Prompt prompt;
  for (const ParsedJson& point : entry.value("points", ParsedJson::array()))
    prompt.points.push_back({point.at(0).get<float>(), point.at(1).get<float>()});
  prompt.labels = entry.value("labels", std::vector<int>());
  if (entry.contains("box")) {
    const auto box = entry["box"].get<std::vector<float>>();
    if (box.size() == 4) prompt.box = Box{box[0], box[1], box[2], box[3]};
  }
  if (entry.contains("mask_input")) {
    FACET_ASSIGN_OR_RETURN(Tensor mask, tensors.read_float32(entry["mask_input"].get<std::string>()));
    prompt.mask_logits = std::make_shared<const Tensor>(std::move(mask));
  }
  return prompt;
}

/// One golden, its files open.
class GoldenCheck {
 public:
  GoldenCheck(Predictor& predictor, const ParsedJson& document, const io::Checkpoint& tensors)
      : predictor_(predictor), document_(document), tensors_(tensors) {}

  Result<GoldenAgreement> run(const Image& image, std::string name) {
    result_.name = std::move(name);
    FACET_ASSIGN_OR_RETURN(const Embedding embedding, predictor_.set_image(image));
    FACET_ASSIGN_OR_RETURN(const Tensor expected, read("embedding_sub", 3));
    const Tensor& features = *embedding.features;
    const Shape& shape = features.shape();
    if (expected.shape()[0] * 8 > shape[3] || expected.shape()[1] * 4 > shape[1] ||
        expected.shape()[2] * 4 > shape[2]) {
      return damaged(tensors_.path(), "embedding_sub is " + expected.shape().to_string());
    }
    const Tensor actual = subsample(expected.shape(), 8, 4, [&](auto c, auto y, auto x) {
      return features.data<float>()[(y * shape[2] + x) * shape[3] + c];
    });
    result_.embedding_error = relative_error(actual, expected);
    for (const ParsedJson& entry : document_.at("prompts"))
      FACET_RETURN_IF_ERROR(check_prompt(embedding, entry));
    return std::move(result_);
  }

 private:
  Result<Tensor> read(const std::string& name, int rank) {
    FACET_ASSIGN_OR_RETURN(Tensor tensor, tensors_.read_float32(name));
    if (tensor.shape().rank() == rank) return tensor;
    return damaged(tensors_.path(),
                   fmt::format("{} is {}, expected {} dimensions", name, tensor.shape().to_string(), rank));
  }

  Status check_prompt(const Embedding& embedding, const ParsedJson& entry) {
    const std::string key = entry.at("key").get<std::string>();
    FACET_ASSIGN_OR_RETURN(const Prompt prompt, prompt_of(entry, tensors_));
    FACET_ASSIGN_OR_RETURN(const auto objects,
                           predictor_.predict(embedding, {&prompt, 1},
                                              {.multimask = entry.at("multimask_output").get<bool>(),
                                               .keep_low_res_logits = true}));
    const auto& masks = objects.front().masks;
    FACET_ASSIGN_OR_RETURN(const Tensor logits, read(key + "_logits_sub4", 3));
    FACET_ASSIGN_OR_RETURN(const Tensor scores, read(key + "_scores", 1));
    const auto count = std::int64_t(masks.size());
    if (!(logits.shape() == Shape({count, Model::kLowRes / 4, Model::kLowRes / 4})) ||
        scores.shape().numel() != count || entry.at("areas").size() != masks.size()) {
      return damaged(tensors_.path(), fmt::format("{}: expected {} masks", key, count));
    }
    const Tensor actual = subsample(logits.shape(), 1, 4, [&](auto m, auto y, auto x) {
      return masks[m].low_res_logits.template data<float>()[y * Model::kLowRes + x];
    });
    result_.logits_error = std::max(result_.logits_error, relative_error(actual, logits));
    for (std::size_t m = 0; m < masks.size(); ++m) {
      note_mask(masks[m], scores.data<float>()[m], entry.at("areas").at(m).get<double>());
    }
    return check_masks(masks, entry);
  }

  void note_mask(const MaskPrediction& mask, double score, double area) {
    constexpr double kFewPixels = 2;
    result_.score_error = std::max(result_.score_error, std::abs(double(mask.score) - score));
    const double off = std::abs(double(mask.area) - area);
    if (off > kFewPixels) result_.area_error = std::max(result_.area_error, off / std::max(area, 1.0));
  }

  Status check_masks(const std::vector<MaskPrediction>& masks, const ParsedJson& entry) {
    if (!entry.contains("rle") || !entry["rle"].is_array()) return {};
    for (std::size_t m = 0; m < masks.size() && m < entry["rle"].size(); ++m) {
      const auto counts = entry["rle"][m].get<std::vector<std::uint32_t>>();
      const Result<Rle> expected = rle_from_counts(counts, masks[m].rle.size);
      if (!expected.ok()) return damaged(tensors_.path(), expected.status().message());
      result_.ious.push_back(agreement(masks[m].rle, *expected));
    }
    return {};
  }

  Predictor& predictor_;
  const ParsedJson& document_;
  const io::Checkpoint& tensors_;
  GoldenAgreement result_;
};

fs::path find_picture(const GoldenFolder& folder, const std::string& name) {
  std::vector<fs::path> places = folder.pictures;
  for (const char* place : {"images", "", "../data/photos"}) places.push_back(folder.path / place);
  std::error_code error;
  for (const fs::path& place : places) {
    if (place.filename() == name && fs::is_regular_file(place, error)) return place;
    if (fs::is_regular_file(place / name, error)) return place / name;
  }
  return {};
}

Result<GoldenAgreement> check_golden(const fs::path& path, const ParsedJson& document, Predictor& predictor,
                                     const GoldenFolder& folder) {
  const std::string name = path.stem().string();
  const fs::path picture_path = find_picture(folder, document.at("image").get<std::string>());
  if (picture_path.empty())
    return GoldenAgreement{
        .name = name, .skipped = "its picture " + document["image"].get<std::string>() + " is not there"};
  FACET_ASSIGN_OR_RETURN(const io::Checkpoint tensors,
                         io::Checkpoint::open(fs::path(path).replace_extension(".safetensors")));
  FACET_ASSIGN_OR_RETURN(const Picture picture, read_picture(picture_path));
  return GoldenCheck(predictor, document, tensors).run(picture.image, name);
}

// Both reduced models are "tiny" inside; their files are MODEL_sSEED_PICTURE.
std::string model_of(const ParsedJson& document, const fs::path& path) {
  const std::string model = document.value("model", "");
  const std::string stem = path.stem().string();
  return model == "tiny" ? stem.substr(0, stem.find("_s" + std::to_string(document.value("seed", 0)) + "_"))
                         : model;
}

bool is_meant(const ParsedJson& document, const fs::path& path, const std::string& architecture,
              std::int64_t seed) {
  return document.is_object() && document.contains("prompts") && document["prompts"].is_array() &&
         document.contains("image") && document.value("seed", std::int64_t{-1}) == seed &&
         architecture_of_golden(model_of(document, path)) == architecture;
}

std::vector<fs::path> documents_in(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    if (file->path().extension() == ".json") paths.push_back(file->path());
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

std::string architecture_of_golden(const std::string& model) {
  std::string name = model.substr(model.rfind('/') + 1);
  if (name.starts_with("vit_")) name.insert(0, "sam_");
  if (name == "sam2_tiny") return "sam2.1_hiera_test";  // as a table of names and shapes says
  const std::size_t size = name.rfind("hiera_");
  if (size == std::string::npos) return name;
  const std::string letter = name.substr(size + 6);
  for (const auto& [published, ours] :
       {std::pair{"t", "tiny"}, {"s", "small"}, {"b+", "base_plus"}, {"l", "large"}}) {
    if (letter == published) return name.substr(0, size + 6) + ours;
  }
  return name;
}

Result<std::vector<GoldenAgreement>> check_goldens(const ModelPtr& model, const GoldenFolder& folder,
                                                   int threads, Io& io) {
  Predictor predictor(model, {.threads = threads});
  std::vector<GoldenAgreement> results;
  for (const fs::path& path : documents_in(folder.path)) {
    if (io.stop.stop_requested()) return Status(StatusCode::Cancelled, "interrupted");
    std::ifstream stream(path);
    const ParsedJson document = ParsedJson::parse(stream, nullptr, /*allow_exceptions=*/false);
    if (!is_meant(document, path, predictor.model().architecture, folder.seed)) continue;
    try {
      FACET_ASSIGN_OR_RETURN(GoldenAgreement result, check_golden(path, document, predictor, folder));
      results.push_back(std::move(result));
    } catch (const ParsedJson::exception& error) {
      return damaged(path, error.what());
    }
  }
  if (!results.empty()) return results;
  return damaged(folder.path,
                 fmt::format("no golden of {} with seed {}; expected NAME.json and NAME.safetensors",
                             predictor.model().architecture, folder.seed));
}

}  // namespace facet::cli
