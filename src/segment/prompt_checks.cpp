#include "segment/prompt_checks.h"

#include <cmath>
#include <cstdio>

#include "models/sam_model.h"

namespace facet::segment {
namespace {

std::string number(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", double(value));
  return text;
}

std::string pair(float x, float y) { return "(" + number(x) + ", " + number(y) + ")"; }

std::string features_text(const Embedding& embedding) {
  return embedding.features == nullptr ? "nothing" : embedding.features->shape().to_string();
}

Status bad_prompt(const std::string& message) { return {StatusCode::BadPrompt, message}; }

bool inside(float x, float y, Size size) {
  return x >= 0 && y >= 0 && x <= static_cast<float>(size.width) && y <= static_cast<float>(size.height);
}

Status check_points(const Prompt& prompt, Size picture) {
  if (prompt.points.size() != prompt.labels.size()) {
    return bad_prompt(std::to_string(prompt.points.size()) + " points have " +
                      std::to_string(prompt.labels.size()) + " labels; expected one label a point");
  }
  for (std::size_t i = 0; i < prompt.points.size(); ++i) {
    const Point& p = prompt.points[i];
    const std::string name = "point " + std::to_string(i) + " " + pair(p.x, p.y);
    if (!std::isfinite(p.x) || !std::isfinite(p.y))
      return bad_prompt(name + " is not a pair of finite numbers");
    if (!inside(p.x, p.y, picture)) {
      return bad_prompt(name + " lies outside the picture, which has " + size_text(picture));
    }
    if (prompt.labels[i] != 0 && prompt.labels[i] != 1) {
      return bad_prompt(name + " has the label " + std::to_string(prompt.labels[i]) +
                        "; expected 1 (object) or 0 (background)");
    }
  }
  return {};
}

Status check_box(const Box& box, Size picture) {
  const std::string name = "box " + pair(box.x0, box.y0) + " to " + pair(box.x1, box.y1);
  if (!std::isfinite(box.x0) || !std::isfinite(box.y0) || !std::isfinite(box.x1) || !std::isfinite(box.y1)) {
    return bad_prompt(name + " is not made of finite numbers");
  }
  if (box.x1 < box.x0 || box.y1 < box.y0) {
    return bad_prompt(name + " is reversed; expected x0 < x1 and y0 < y1 (top-left corner first)");
  }
  if (box.x1 == box.x0 || box.y1 == box.y0) return bad_prompt(name + " has no area");
  if (!inside(box.x0, box.y0, picture) || !inside(box.x1, box.y1, picture)) {
    return bad_prompt(name + " lies outside the picture, which has " + size_text(picture));
  }
  return {};
}

Status check_mask(const Tensor& logits) {
  if (!(logits.shape() == Shape({Model::kLowRes, Model::kLowRes})) || logits.dtype() != DType::Float32) {
    return bad_prompt("mask logits are " + std::string(dtype_name(logits.dtype())) + " " +
                      logits.shape().to_string() + "; expected F32 [256, 256]");
  }
  for (const float value : logits.data<float>()) {
    if (!std::isfinite(value)) return bad_prompt("mask logits hold a value that is not finite");
  }
  return {};
}

Status check_prompt(const Prompt& prompt, Size picture) {
  if (prompt.points.empty() && prompt.labels.empty() && !prompt.box && prompt.mask_logits == nullptr) {
    return bad_prompt("it has no point, no box and no mask; expected at least one of them");
  }
  FACET_RETURN_IF_ERROR(check_points(prompt, picture));
  if (prompt.box) FACET_RETURN_IF_ERROR(check_box(*prompt.box, picture));
  if (prompt.mask_logits != nullptr) FACET_RETURN_IF_ERROR(check_mask(*prompt.mask_logits));
  return {};
}

}  // namespace

std::string size_text(Size size) {
  return std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels (width x height)";
}

Status check_prompts(std::span<const Prompt> prompts, Size picture) {
  if (prompts.empty()) return bad_prompt("there is no prompt; expected at least one point, box or mask");
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::string context = prompts.size() == 1 ? "prompt" : "prompt " + std::to_string(i);
    FACET_RETURN_IF_ERROR(check_prompt(prompts[i], picture).with_context(context));
  }
  return {};
}

Status check_embedding(const Embedding& embedding, const ModelInfo& model) {
  if (embedding.features == nullptr ||
      !(embedding.features->shape() == Shape({1, Model::kGrid, Model::kGrid, Model::kChannels}))) {
    return {StatusCode::BadModel,
            "the embedding holds " + features_text(embedding) + "; expected [1, 64, 64, 256]"};
  }
  if (embedding.model_fingerprint != model.fingerprint) {
    return {StatusCode::BadModel, "the embedding was made by another model than " + model.path.string()};
  }
  if (!model.keeps_aspect && (embedding.high_res0 == nullptr || embedding.high_res1 == nullptr)) {
    return {StatusCode::BadModel, "the embedding has no high-resolution features, which SAM 2 needs"};
  }
  return {};
}

}  // namespace facet::segment
