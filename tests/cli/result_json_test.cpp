#include "cli/result_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace facet::cli {
namespace {

using Json = nlohmann::json;

DocumentHead head() {
  DocumentHead head;
  head.image = "a/b.png";
  head.size = {2, 3};
  head.model.architecture = "mobile_sam";
  head.model.precision = "fp32";
  head.timings = {1.5, 2.25, 3, 4.0004};
  return head;
}

const Rle kRle{{2, 3}, {1, 2, 3}};

Json predict_json(const DocumentHead& document_head, const Prompt& prompt, bool below = false) {
  ObjectPrediction object;
  MaskPrediction mask;
  mask.score = 0.98F;
  mask.rle = kRle;
  mask.area = 2;
  mask.bbox = {0, 0, 2, 2};
  object.masks.push_back(std::move(mask));
  object.below_min_score = below;
  const std::string file;
  return Json::parse(
      predict_document(document_head, std::span(&prompt, 1), std::span(&file, 1), std::span(&object, 1)));
}

TEST(ResultJson, PredictGivesTheDocumentOfTheContract) {
  Prompt prompt;
  prompt.points = {{1.5F, 2}};
  prompt.labels = {1};
  EXPECT_EQ(predict_json(head(), prompt), Json::parse(R"({
    "image": "a/b.png", "height": 2, "width": 3, "model": "mobile_sam", "precision": "fp32",
    "timings_ms": {"load": 1.5, "decode": 2.25, "encode": 3.0, "predict": 4.0},
    "objects": [{"prompt": {"points": [[1.5, 2.0]], "labels": [1]},
                 "masks": [{"score": 0.98, "area": 2, "bbox": [0, 0, 2, 2],
                            "rle": {"size": [2, 3], "counts": "123"}}]}]})"));
}

TEST(ResultJson, APromptShowsOnlyWhatItHas) {
  Prompt prompt;
  prompt.box = Box{1, 2, 3, 4};
  EXPECT_EQ(predict_json(head(), prompt)["objects"][0]["prompt"],
            Json::parse(R"({"box": [1.0, 2.0, 3.0, 4.0]})"));
}

TEST(ResultJson, WhatIsUnusualIsSaid) {
  DocumentHead windowed = head();
  windowed.window = SampleWindow{103, 4000};
  const Json document = predict_json(windowed, {}, true);
  EXPECT_EQ(document["window"], Json::parse(R"({"low": 103.0, "high": 4000.0})"));
  EXPECT_EQ(document["objects"][0]["below_min_score"], true);
}

TEST(ResultJson, EverythingGivesTheDocumentOfTheContract) {
  const AutomaticMask mask{.rle = kRle,
                           .area = 2,
                           .bbox = {0, 0, 2, 2},
                           .predicted_iou = 0.9F,
                           .stability_score = 0.95F,
                           .point = {1.5F, 0.5F},
                           .crop_box = {0, 0, 3, 2}};
  const Json document = Json::parse(everything_document(head(), std::span(&mask, 1), RleForm::Compressed));
  EXPECT_EQ(document["masks"], Json::parse(R"([{"bbox": [0, 0, 2, 2], "area": 2, "predicted_iou": 0.9,
    "stability_score": 0.95, "point_coords": [[1.5, 0.5]], "crop_box": [0, 0, 3, 2],
    "rle": {"size": [2, 3], "counts": "123"}}])"));
  const Json lists = Json::parse(everything_document(head(), std::span(&mask, 1), RleForm::Uncompressed));
  EXPECT_EQ(lists["masks"][0]["rle"]["counts"], Json::parse("[1, 2, 3]"));
}

TEST(ResultJson, SeveralPicturesAreOneList) {
  const std::vector<std::string> documents = {failure_document("a.png", {StatusCode::BadPicture, "empty"}),
                                              "{}"};
  EXPECT_EQ(Json::parse(document_list(documents)),
            Json::parse(R"([{"image": "a.png", "error": {"code": "bad_picture", "message": "empty"}}, {}])"));
}

TEST(ResultJson, NamesThatAreNotUtf8StillGiveADocument) {
  DocumentHead odd = head();
  odd.image = "a\xff.png";
  EXPECT_TRUE(Json::accept(everything_document(odd, {}, RleForm::Compressed)));
}

}  // namespace
}  // namespace facet::cli
