#include "cli/verify_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/human_text.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;

double mean(const std::vector<double>& values) {
  return values.empty() ? 1 : std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

double least(const std::vector<double>& values) { return values.empty() ? 1 : std::ranges::min(values); }

std::vector<double> all_ious(const VerifyDocument& document) {
  std::vector<double> all;
  for (const PictureAgreement& picture : document.pictures) {
    all.insert(all.end(), picture.click_ious.begin(), picture.click_ious.end());
    all.insert(all.end(), picture.box_ious.begin(), picture.box_ious.end());
  }
  return all;
}

std::string iou_text(const std::vector<double>& ious) {
  return ious.empty() ? "-" : fmt::format("{:.4f} / {:.4f}", mean(ious), least(ious));
}

std::string pictures_text(const VerifyDocument& document) {
  std::vector<std::vector<std::string>> rows = {
      {"PICTURE", "EMBEDDING ERROR", "CLICKS IoU mean / min", "BOXES IoU mean / min"}};
  for (const PictureAgreement& picture : document.pictures) {
    rows.push_back({picture.picture, fmt::format("{:.2e}", picture.embedding_error),
                    iou_text(picture.click_ious), iou_text(picture.box_ious)});
  }
  return human_table(rows);
}

std::string goldens_text(const VerifyDocument& document) {
  std::vector<std::vector<std::string>> rows = {
      {"GOLDEN", "EMBEDDING ERROR", "LOGITS ERROR", "SCORE ERROR", "AREA ERROR", "IoU mean / min"}};
  for (const GoldenAgreement& golden : document.goldens) {
    if (!golden.skipped.empty()) {
      rows.push_back({golden.name, "not compared: " + printable(golden.skipped)});
      continue;
    }
    rows.push_back({golden.name, fmt::format("{:.2e}", golden.embedding_error),
                    fmt::format("{:.2e}", golden.logits_error), fmt::format("{:.2e}", golden.score_error),
                    fmt::format("{:.2e}", golden.area_error), iou_text(golden.ious)});
  }
  return human_table(rows);
}

std::string steps_text(const VerifyDocument& document) {
  std::vector<std::vector<std::string>> rows = {{"STEP"}};
  for (const PictureAgreement& picture : document.pictures) rows[0].push_back(picture.picture);
  const std::size_t steps = document.pictures.empty() ? 0 : document.pictures[0].steps.size();
  for (std::size_t i = 0; i < steps; ++i) {
    rows.push_back({document.pictures[0].steps[i].step});
    for (const PictureAgreement& picture : document.pictures)
      rows.back().push_back(fmt::format("{:.2e}", picture.steps.at(i).error));
  }
  return human_table(rows);
}

Json iou_json(const std::vector<double>& ious) {
  return {{"count", ious.size()}, {"mean", mean(ious)}, {"min", least(ious)}};
}

Json picture_json(const PictureAgreement& picture) {
  Json steps = Json::array();
  for (const StepError& step : picture.steps) steps.push_back({{"step", step.step}, {"error", step.error}});
  return {{"picture", picture.picture},
          {"embedding_error", picture.embedding_error},
          {"clicks", iou_json(picture.click_ious)},
          {"boxes", iou_json(picture.box_ious)},
          {"steps", steps}};
}

Json golden_json(const GoldenAgreement& golden) {
  if (!golden.skipped.empty()) return {{"golden", golden.name}, {"skipped", golden.skipped}};
  Json json = {{"golden", golden.name},
               {"embedding_error", golden.embedding_error},
               {"logits_error", golden.logits_error},
               {"score_error", golden.score_error},
               {"area_error", golden.area_error}};
  if (!golden.ious.empty()) json["masks"] = iou_json(golden.ious);
  return json;
}

}  // namespace

double VerifyDocument::mean_iou() const { return mean(all_ious(*this)); }
double VerifyDocument::min_iou() const { return least(all_ious(*this)); }

std::string VerifyDocument::first_departure() const {
  const std::size_t steps = pictures.empty() ? 0 : pictures[0].steps.size();
  for (std::size_t i = 0; i < steps; ++i) {
    for (const PictureAgreement& picture : pictures) {
      if (picture.steps.at(i).error > limits.step_error) return picture.steps[i].step;
    }
  }
  return {};
}

std::vector<std::string> VerifyDocument::failures() const {
  std::vector<std::string> lines;
  const auto check = [&](const std::string& what, double found, double limit) {
    if (!(found <= limit))
      lines.push_back(fmt::format("{}: {:.3g}, expected at most {:.3g}", what, found, limit));
  };
  const auto check_masks = [&](const std::string& what, double found) {
    if (!(found >= limits.mean_iou))
      lines.push_back(fmt::format("{}: {:.4f}, expected at least {:.4f}", what, found, limits.mean_iou));
  };
  check_masks("mean IoU", mean_iou());
  for (const PictureAgreement& picture : pictures)
    check(picture.picture + ": embedding error", picture.embedding_error, limits.embedding_error);
  for (const GoldenAgreement& golden : goldens) {
    check(golden.name + ": embedding error", golden.embedding_error, limits.golden_error);
    check(golden.name + ": logits error", golden.logits_error, limits.golden_error);
    check(golden.name + ": area error", golden.area_error, limits.golden_area_error);
    check_masks(golden.name + ": mean IoU", mean(golden.ious));
  }
  return lines;
}

std::string verify_text(const VerifyDocument& document, bool all_steps) {
  const std::vector<std::string> failures = document.failures();
  std::string text = fmt::format("{} ({})", document.model.architecture, document.model.precision);
  if (!document.pictures.empty()) {
    text +=
        fmt::format(" against {}\n\n{}\nall masks: mean IoU {:.4f}, minimum {:.4f}; the mean must reach {}\n",
                    document.against, pictures_text(document), document.mean_iou(), document.min_iou(),
                    document.limits.mean_iou);
  }
  if (!document.goldens.empty()) text += "\n\n" + goldens_text(document);
  if (all_steps || (!failures.empty() && !document.pictures.empty())) {
    const std::string first = document.first_departure();
    text += "\n" + steps_text(document) +
            (first.empty() ? fmt::format("no step departs by more than {}\n", document.limits.step_error)
                           : fmt::format("the first that departs by more than {}: {}\n",
                                         document.limits.step_error, first));
  }
  text += failures.empty() ? "\npass\n" : "\nFAIL\n";
  for (const std::string& failure : failures) text += "  " + failure + "\n";
  return text;
}

std::string verify_json(const VerifyDocument& document) {
  const std::vector<std::string> failures = document.failures();
  const std::string departure = document.first_departure();
  Json json = {
      {"model", document.model.architecture},
      {"precision", document.model.precision},
      {"path", document.model.path.string()},
      {"against", document.against.empty() ? Json() : Json(document.against)},
      {"pass", failures.empty()},
      {"failures", failures},
      {"limits", {{"mean_iou", document.limits.mean_iou}, {"step_error", document.limits.step_error}}},
      {"mean_iou", document.pictures.empty() ? Json() : Json(document.mean_iou())},
      {"min_iou", document.pictures.empty() ? Json() : Json(document.min_iou())},
      {"first_departure", departure.empty() ? Json() : Json(departure)},
      {"pictures", Json::array()},
      {"goldens", Json::array()}};
  for (const PictureAgreement& picture : document.pictures) json["pictures"].push_back(picture_json(picture));
  for (const GoldenAgreement& golden : document.goldens) json["goldens"].push_back(golden_json(golden));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace facet::cli
