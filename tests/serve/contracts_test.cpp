#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "facet/automatic_masks.h"
#include "facet/masks.h"
#include "facet/picture.h"
#include "facet/predictor.h"
#include "serve/serve_process.h"
#include "service/http/base64.h"

namespace facet::serve_tests {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Picture decoded_png(const std::string& base64) {
  const std::string bytes = service::base64_decode(base64).value();
  return decode_picture({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}).value();
}

Image test_image() { return decoded_png(picture_base64()).image; }

Predictor& predictor() {
  static Predictor predictor(load_model(e2e::tiny_model()).value());
  return predictor;
}

/// What the library itself answers to a prompt on the test's picture.
ObjectPrediction expected_masks(const Prompt& prompt, bool multimask) {
  static const Embedding embedding = predictor().set_image(test_image()).value();
  std::vector<ObjectPrediction> objects =
      predictor().predict(embedding, {&prompt, 1}, {.multimask = multimask}).value();
  return std::move(objects[0]);
}

/// Nine points, every mask of which is kept.
const Json kFewPoints = {
    {"points_per_side", 3}, {"pred_iou_thresh", 0}, {"stability_score_thresh", 0}, {"box_nms_thresh", 1}};

/// What the library finds with these.
const std::vector<AutomaticMask>& expected_everything() {
  static const std::vector<AutomaticMask> masks =
      AutomaticMaskGenerator(
          predictor(),
          {.points_per_side = 3, .pred_iou_thresh = 0.0F, .stability_score_thresh = 0, .box_nms_thresh = 1})
          .generate(test_image())
          .value();
  return masks;
}

/// The mask in a PNG of 0 and 255.
Rle mask_in_png(const std::string& base64) {
  const Picture picture = decoded_png(base64);
  Bitmap mask{picture.image.size(), {}};
  for (std::size_t i = 0; i < picture.image.rgb().size(); i += 3)
    mask.bits.push_back(picture.image.rgb()[i] > 127 ? 1 : 0);
  return rle_encode(mask);
}

Rle rle_of(const Json& json) {
  return rle_from_string(json["counts"], {json["size"][0], json["size"][1]}).value();
}

class Contracts : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<ServeProcess>(ServeProcess::Setup{.options = {"--alias", "fast=tiny"}});
  }
  static void TearDownTestSuite() { server_.reset(); }
  static std::string upload() {
    return server_->call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture_bytes()).json()["id"];
  }
  static inline std::unique_ptr<ServeProcess> server_;
  const Prompt point_ = {.points = {{40, 60}}, .labels = {1}};
};

TEST_F(Contracts, TheFormOfSegmentGivesPngMasksScoresAndTheModel) {
  const Answer answer = server_->post_form("/segment", {{"file", picture_bytes(), "a.png"},
                                                        {"model_type", "vit_b", ""},
                                                        {"point_coords", "[[40, 60]]", ""},
                                                        {"point_labels", "[1]", ""},
                                                        {"multimask_output", "True", ""}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json body = answer.json();
  EXPECT_EQ(body["model_used"], "tiny");
  const ObjectPrediction expected = expected_masks(point_, true);
  ASSERT_THAT(body["masks"], SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(mask_in_png(body["masks"][i]), expected.masks[i].rle);
    EXPECT_NEAR(body["scores"][i].get<double>(), expected.masks[i].score, 1e-5);
  }
  EXPECT_EQ(decoded_png(body["masks"][0]).source.bits_per_sample, 8);
}

TEST_F(Contracts, TheFormOfSegmentTakesABoxAndOneMask) {
  const Answer answer = server_->post_form("/segment", {{"file", picture_bytes(), "a.png"},
                                                        {"box", "[20, 30, 70, 90]", ""},
                                                        {"multimask_output", "false", ""}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  ASSERT_THAT(answer.json()["masks"], SizeIs(1));
  EXPECT_EQ(mask_in_png(answer.json()["masks"][0]),
            expected_masks({.box = Box{20, 30, 70, 90}}, false).masks[0].rle);
}

TEST_F(Contracts, TheJsonOfSegmentGivesOneMaskAnObject) {
  const Answer answer = server_->post_json("/segment", {{"image_base64", picture_base64()},
                                                        {"prompt_type", "box"},
                                                        {"boxes", {{20, 30, 70, 90}, {60, 30, 110, 90}}},
                                                        {"model", "fast"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json body = answer.json();
  EXPECT_EQ(body["num_masks"], 2);
  EXPECT_THAT(body["masks_base64"], SizeIs(2));
  EXPECT_THAT(body["scores"], SizeIs(2));
  EXPECT_GT(body["inference_time_ms"], 0.0);
  EXPECT_EQ(mask_in_png(body["masks_base64"][0]),
            expected_masks({.box = Box{20, 30, 70, 90}}, false).masks[0].rle);
}

TEST_F(Contracts, TheJsonOfSegmentKeepsTheBestOfThreeForAPoint) {
  const Answer answer = server_->post_json("/segment", {{"image_base64", picture_base64()},
                                                        {"prompt_type", "point"},
                                                        {"points", {{40, 60}}},
                                                        {"labels", {1}}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const ObjectPrediction expected = expected_masks(point_, true);
  const auto best = std::ranges::max_element(expected.masks, {}, &MaskPrediction::score);
  EXPECT_EQ(mask_in_png(answer.json()["masks_base64"][0]), best->rle);
  const Answer none = server_->post_json(
      "/segment",
      {{"image_base64", picture_base64()}, {"points", {{40, 60}}}, {"confidence_threshold", 1.0}});
  EXPECT_EQ(none.json()["num_masks"], 0);
}

TEST_F(Contracts, SegmentWithoutPromptsSegmentsEverything) {
  Json request = kFewPoints;
  request["image_base64"] = picture_base64();
  request["prompt_type"] = "auto";
  const Answer answer = server_->post_json("/segment", request);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::vector<AutomaticMask>& expected = expected_everything();
  ASSERT_FALSE(expected.empty());
  ASSERT_EQ(answer.json()["num_masks"], expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(mask_in_png(answer.json()["masks_base64"][i]), expected[i].rle);
    EXPECT_NEAR(answer.json()["scores"][i].get<double>(), expected[i].predicted_iou, 1e-5);
  }
  request["confidence_threshold"] = 1.0;
  EXPECT_EQ(server_->post_json("/segment", request).json()["num_masks"], expected.size())
      << "pred_iou_thresh says more than confidence_threshold";
  request.erase("pred_iou_thresh");
  EXPECT_EQ(server_->post_json("/segment", request).json()["num_masks"],
            std::ranges::count_if(expected, [](const AutomaticMask& m) { return m.predicted_iou > 1; }));
}

TEST_F(Contracts, TheFormsOfSegmentSegmentEverythingToo) {
  std::vector<FormField> fields = {{"file", picture_bytes(), "a.png"}, {"files", picture_bytes(), "b.png"}};
  for (const auto& [name, value] : kFewPoints.items()) fields.push_back({name, value.dump(), ""});
  const std::vector<AutomaticMask>& expected = expected_everything();
  const Answer one = server_->post_form("/segment", fields);
  ASSERT_EQ(one.status, 200) << one.body;
  ASSERT_THAT(one.json()["masks"], SizeIs(expected.size()));
  EXPECT_EQ(mask_in_png(one.json()["masks"][0]), expected[0].rle);
  const Answer batch = server_->post_form("/segment_batch", fields);
  ASSERT_EQ(batch.status, 200) << batch.body;
  EXPECT_EQ(batch.json()["results"][0]["masks"], one.json()["masks"]);
}

TEST_F(Contracts, ABatchAnswersEachFileInOrderAndABadOneAlone) {
  const Answer answer = server_->post_form("/segment_batch", {{"files", picture_bytes(), "one.png"},
                                                              {"files", "no picture", "two \"2\".png"},
                                                              {"files", picture_bytes(90, 70), "three.png"},
                                                              {"box", "[20, 30, 60, 80]", ""}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json results = answer.json()["results"];
  ASSERT_THAT(results, SizeIs(3));
  EXPECT_EQ(results[0]["file_name"], "one.png");
  EXPECT_THAT(results[0]["masks"], SizeIs(3));
  EXPECT_EQ(results[1]["error"]["code"], "invalid_request");
  EXPECT_THAT(results[1]["error"]["message"].get<std::string>(), HasSubstr("files[1]"));
  EXPECT_EQ(decoded_png(results[2]["masks"][0]).image.size(), (Size{90, 70}));
}

TEST_F(Contracts, APictureIsTakenInThreeFormsAndIsTheSame) {
  const std::string bytes = picture_bytes();
  const Answer raw = server_->call("POST", "/v1/images", {{"Content-Type", "image/png"}}, bytes);
  ASSERT_EQ(raw.status, 201) << raw.body;
  const Json body = raw.json();
  EXPECT_EQ(body["width"], 160);
  EXPECT_EQ(body["height"], 120);
  EXPECT_EQ(raw.headers.at("etag"), "\"" + body["id"].get<std::string>() + "\"");
  EXPECT_EQ(server_->post_form("/v1/images", {{"file", bytes, "a.png"}}).json()["id"], body["id"]);
  const Json again = server_->post_json("/v1/images", {{"image_base64", picture_base64()}}).json();
  EXPECT_EQ(again["id"], body["id"]);
  EXPECT_EQ(again["embedding"], "memory");
  const std::string path = raw.headers.at("location");
  EXPECT_EQ(server_->get(path).json()["kept"], true);
  EXPECT_EQ(server_->call("GET", path, {{"If-None-Match", raw.headers.at("etag")}}).status, 304);
}

TEST_F(Contracts, MasksEqualThoseOfTheLibraryInEveryFormat) {
  const std::string path = "/v1/images/" + upload() + "/masks";
  const ObjectPrediction expected = expected_masks(point_, true);
  const Json rle = server_->post_json(path, {{"points", {{40, 60}}}}).json();
  const Json png = server_->post_json(path, {{"points", {{40, 60}}}, {"format", "png"}}).json();
  const Json polygons = server_->post_json(path, {{"points", {{40, 60}}}, {"format", "polygons"}}).json();
  ASSERT_THAT(rle["objects"][0]["masks"], SizeIs(3)) << rle;
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& mask = rle["objects"][0]["masks"][i];
    EXPECT_EQ(rle_of(mask["rle"]), expected.masks[i].rle);
    EXPECT_EQ(mask["area"], expected.masks[i].area);
    EXPECT_EQ(mask["bbox"][2], expected.masks[i].bbox.width);
    EXPECT_EQ(mask_in_png(png["objects"][0]["masks"][i]["png"]), expected.masks[i].rle);
    EXPECT_EQ(polygons["objects"][0]["masks"][i]["polygons"]["outer"].size(),
              mask_to_outlines(rle_decode(expected.masks[i].rle)).outer.size());
  }
}

TEST_F(Contracts, MasksAsBytesComeWithTheirShape) {
  const Answer answer =
      server_->post_json("/v1/images/" + upload() + "/masks",
                         {{"objects", {{{"points", {{40, 60}}}}, {{"box", {20, 30, 70, 90}}}}},
                          {"multimask", false},
                          {"format", "octet-stream"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(answer.headers.at("x-mask-shape"), "2,120,160");
  EXPECT_EQ(answer.headers.at("x-masks-per-object"), "1,1");
  const Bitmap expected = rle_decode(expected_masks({.box = Box{20, 30, 70, 90}}, false).masks[0].rle);
  ASSERT_EQ(answer.body.size(), 2 * expected.bits.size());
  EXPECT_EQ(
      std::memcmp(answer.body.data() + expected.bits.size(), expected.bits.data(), expected.bits.size()), 0);
}

TEST_F(Contracts, LogitsOfAnAnswerStartTheNext) {
  const std::string path = "/v1/images/" + upload() + "/masks";
  const Json first =
      server_->post_json(path, {{"points", {{40, 60}}}, {"multimask", false}, {"logits", true}}).json();
  const Json& mask = first["objects"][0]["masks"][0];
  const Answer second = server_->post_json(path, {{"mask_logits", mask["logits"]}, {"points", {{40, 60}}}});
  EXPECT_EQ(second.status, 200) << second.body;
  const Answer third = server_->post_json(path, {{"mask", mask["rle"]}});
  EXPECT_EQ(third.status, 200) << third.body;
}

TEST_F(Contracts, EverythingTakesTheGeneratorsOptions) {
  const Answer answer = server_->post_json(
      "/v1/images/" + upload() + "/everything",
      {{"points_per_side", 2}, {"pred_iou_thresh", 0}, {"box_nms_thresh", 1}, {"stability_score_thresh", 0}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  ASSERT_FALSE(answer.json()["masks"].empty());
  EXPECT_EQ(rle_area(rle_of(answer.json()["masks"][0]["rle"])), answer.json()["masks"][0]["area"]);
}

TEST_F(Contracts, ADeletedPictureIsUnknown) {
  const std::string bytes = picture_bytes(64, 80);
  const std::string path =
      "/v1/images/" + server_->call("POST", "/v1/images", {{"Content-Type", "image/png"}}, bytes)
                          .json()["id"]
                          .get<std::string>();
  EXPECT_EQ(server_->call("DELETE", path).status, 204);
  EXPECT_EQ(server_->post_json(path + "/masks", {{"points", {{4, 6}}}}).status, 404);
  EXPECT_EQ(server_->call("DELETE", path).status, 404);
}

TEST_F(Contracts, VertexAnswersEachInstanceInOrderAndABadOneAlone) {
  const std::string picture = picture_base64();
  const Answer answer = server_->post_json(
      "/vertex/predict", {{"instances",
                           {{{"image", {{"b64", picture}}},
                             {"point_coords", {{40, 60}}},
                             {"point_labels", {1}},
                             {"file_path", "a.png"}},
                            {{"b64", "%%"}, {"file_path", "b.png"}},
                            "no object",
                            {{"b64", picture}, {"points", {{40, 60}}}, {"return_logits", true}}}}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json predictions = answer.json()["predictions"];
  ASSERT_THAT(predictions, SizeIs(4));
  EXPECT_EQ(predictions[0]["file_path"], "a.png");
  EXPECT_EQ(rle_of(predictions[0]["masks"][0]), expected_masks(point_, true).masks[0].rle);
  EXPECT_FALSE(predictions[0].contains("logits"));
  EXPECT_EQ(predictions[1]["error"]["code"], "invalid_request");
  EXPECT_THAT(predictions[1]["error"]["message"].get<std::string>(), HasSubstr("instances[1]"));
  EXPECT_TRUE(predictions[2].contains("error"));
  EXPECT_THAT(predictions[3]["logits"], SizeIs(3));
}

TEST_F(Contracts, VertexWithoutPromptsSegmentsEverything) {
  const std::string picture = picture_base64();
  const Answer answer = server_->post_json(
      "/vertex/predict", {{"instances", {{{"b64", picture}}, {{"b64", picture}, {"points_per_side", 1}}}},
                          {"parameters", kFewPoints}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::vector<AutomaticMask>& expected = expected_everything();
  const Json whole = answer.json()["predictions"][0];
  ASSERT_THAT(whole["masks"], SizeIs(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(rle_of(whole["masks"][i]), expected[i].rle);
  EXPECT_FALSE(whole.contains("scores"));
  const Json one_point = answer.json()["predictions"][1];  // an instance says more than the parameters
  EXPECT_THAT(one_point["masks"], SizeIs(::testing::AllOf(::testing::Ge(1U), ::testing::Le(3U))))
      << one_point;
}

TEST(VertexVariables, OnePathAnswersHealthAndPredictions) {
  const std::string path = "/v1/endpoints/1/deployedModels/2:predict";
  const ServeProcess server({.environment = {"AIP_HEALTH_ROUTE=" + path, "AIP_PREDICT_ROUTE=" + path}});
  EXPECT_EQ(server.get(path).status, 200);
  EXPECT_THAT(server.post_json(path, {{"instances", Json::array()}}).json()["predictions"], SizeIs(0));
  EXPECT_EQ(server.get("/vertex/health").status, 404);
}

TEST_F(Contracts, InferenceGivesMasksAsJsonAndEchoesTheId) {
  const Json request = {
      {"id", "42"},
      {"inputs",
       {{{"name", "image"}, {"datatype", "BYTES"}, {"shape", {1}}, {"data", {picture_base64()}}},
        {{"name", "point_coords"}, {"datatype", "FP32"}, {"shape", {1, 1, 2}}, {"data", {{{40, 60}}}}}}},
      {"outputs", {{{"name", "scores"}}}}};
  const Answer answer = server_->post_json("/v2/models/tiny/infer", request);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json()["id"], "42");
  EXPECT_EQ(answer.json()["model_name"], "tiny");
  ASSERT_THAT(answer.json()["outputs"], SizeIs(1));
  EXPECT_EQ(answer.json()["outputs"][0]["shape"], Json({1, 3}));
  EXPECT_NEAR(answer.json()["outputs"][0]["data"][0].get<double>(),
              expected_masks(point_, true).masks[0].score, 1e-5);
}

TEST_F(Contracts, InferenceTakesAndGivesBinaryTensors) {
  const std::string picture = picture_bytes();
  const auto length = static_cast<std::uint32_t>(picture.size());
  const float point[2] = {40, 60};
  const std::string binary = std::string(reinterpret_cast<const char*>(&length), 4) + picture +
                             std::string(reinterpret_cast<const char*>(point), sizeof point);
  const std::string head = Json({{"inputs",
                                  {{{"name", "image"},
                                    {"datatype", "BYTES"},
                                    {"shape", {1}},
                                    {"parameters", {{"binary_data_size", picture.size() + 4}}}},
                                   {{"name", "point_coords"},
                                    {"datatype", "FP32"},
                                    {"shape", {1, 2}},
                                    {"parameters", {{"binary_data_size", 8}}}}}},
                                 {"outputs", {{{"name", "masks"}, {"parameters", {{"binary_data", true}}}}}}})
                               .dump();
  const Answer answer = server_->call("POST", "/v2/models/tiny/infer",
                                      {{"Content-Type", "application/octet-stream"},
                                       {"Inference-Header-Content-Length", std::to_string(head.size())}},
                                      head + binary);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::size_t json_length = std::stoul(answer.headers.at("inference-header-content-length"));
  const Json body = Json::parse(answer.body.substr(0, json_length));
  EXPECT_EQ(body["outputs"][0]["shape"], Json({1, 3, 120, 160}));
  const Bitmap expected = rle_decode(expected_masks(point_, true).masks[0].rle);
  ASSERT_EQ(answer.body.size() - json_length, 3 * expected.bits.size());
  EXPECT_EQ(std::memcmp(answer.body.data() + json_length, expected.bits.data(), expected.bits.size()), 0);
}

TEST_F(Contracts, InferenceTellsOfItselfAndItsModels) {
  EXPECT_THAT(server_->get("/v2").json()["extensions"], ::testing::Contains("binary_tensor_data"));
  EXPECT_EQ(server_->get("/v2/health/live").json()["live"], true);
  EXPECT_EQ(server_->get("/v2/health/ready").json()["ready"], true);
  EXPECT_EQ(server_->get("/v2/models/tiny/ready").status, 200);
  EXPECT_EQ(server_->get("/v2/models/fast").json()["name"], "tiny");
  EXPECT_EQ(server_->get("/v2/models/none").status, 404);
}

/// Reads the brush format back: bits, the highest first.
std::vector<std::uint8_t> brush_rle_decode(const std::vector<std::uint8_t>& bytes) {
  std::size_t position = 0;
  const auto take = [&](unsigned width) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i, ++position)
      value = value << 1 | (bytes.at(position / 8) >> (7 - position % 8) & 1U);
    return value;
  };
  const std::uint64_t count = take(32);
  const auto word = static_cast<unsigned>(take(5) + 1);
  std::array<unsigned, 4> widths{};
  for (unsigned& width : widths) width = static_cast<unsigned>(take(4) + 1);
  std::vector<std::uint8_t> values;
  while (values.size() < count) {
    const bool repeat = take(1) == 1;
    const std::uint64_t length = take(widths.at(take(2))) + 1;
    const std::uint64_t value = repeat ? take(word) : 0;
    for (std::uint64_t i = 0; i < length; ++i)
      values.push_back(static_cast<std::uint8_t>(repeat ? value : take(word)));
  }
  return values;
}

TEST_F(Contracts, LabelStudioGetsABrushMaskForWhatWasDrawn) {
  EXPECT_FALSE(server_->post_json("/setup", {{"project", "1.2"}, {"schema", "<View/>"}})
                   .json()["model_version"]
                   .get<std::string>()
                   .empty());
  const Json task = {{"id", 7}, {"data", {{"photo", "data:image/png;base64," + picture_base64()}}}};
  const std::string config =
      R"(<View><Image name="img" value="$photo"/><BrushLabels name="tag" toName="img"><Label value="Cell"/></BrushLabels></View>)";
  const Json drawn = {{"type", "keypointlabels"},
                      {"is_positive", 1},
                      {"value", {{"x", 25}, {"y", 50}, {"keypointlabels", {"Nucleus"}}}}};
  const Answer answer = server_->post_json(
      "/predict",
      {{"tasks", {task}}, {"label_config", config}, {"params", {{"context", {{"result", {drawn}}}}}}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json item = answer.json()["results"][0]["result"][0];
  EXPECT_EQ(item["from_name"], "tag");
  EXPECT_EQ(item["to_name"], "img");
  EXPECT_EQ(item["original_width"], 160);
  EXPECT_EQ(item["type"], "brushlabels");
  EXPECT_EQ(item["value"]["brushlabels"], Json({"Nucleus"}));
  const std::vector<std::uint8_t> rgba = brush_rle_decode(item["value"]["rle"]);
  const ObjectPrediction expected = expected_masks(point_, true);
  const Bitmap best = rle_decode(std::ranges::max_element(expected.masks, {}, &MaskPrediction::score)->rle);
  ASSERT_EQ(rgba.size(), 4 * best.bits.size());
  for (std::size_t i = 0; i < best.bits.size(); ++i) ASSERT_EQ(rgba[4 * i + 3], best.bits[i] * 255);
}

TEST_F(Contracts, LabelStudioGetsNothingBeforeAnybodyHasDrawn) {
  const Json answer =
      server_->post_json("/predict", {{"tasks", {{{"data", {{"image", "/data/a.png"}}}}}}}).json();
  EXPECT_THAT(answer["results"][0]["result"], SizeIs(0));
  EXPECT_EQ(server_->get("/health").json()["status"], "UP");
}

TEST_F(Contracts, OpenApiNamesEveryRouteAndItsSchemas) {
  const Json document = server_->get("/openapi.json").json();
  EXPECT_EQ(document["openapi"], "3.1.0");
  for (const char* path : {"/segment", "/segment_batch", "/v1/images", "/v1/images/{id}/masks",
                           "/v2/models/{model}/infer", "/vertex/predict", "/predict", "/metrics"}) {
    EXPECT_TRUE(document["paths"].contains(path)) << path;
  }
  const std::string text = document.dump();
  const std::string mark = "#/components/schemas/";
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t start = at + mark.size();
    EXPECT_TRUE(
        document["components"]["schemas"].contains(text.substr(start, text.find('"', start) - start)));
  }
}

TEST_F(Contracts, MetricsCountRequestsByRouteAndStatus) {
  const std::string series = R"(facet_http_requests_total{method="GET",route="/livez",status="200"})";
  const double before = server_->metric(series);
  for (int i = 0; i < 3; ++i) server_->get("/livez");
  EXPECT_EQ(server_->metric(series), before + 3);
}

TEST_F(Contracts, HeadAnswersWithoutABodyAndTheConnectionGoesOn) {
  Client client(server_->port());
  client.send(request_text("HEAD", "/livez"));
  const Answer head = client.receive(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.headers.at("content-length"), "0");
  client.send(request_text("GET", "/livez"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(Contracts, RequestsSentAheadAreAnsweredInOrder) {
  Client client(server_->port());
  client.send(request_text("GET", "/livez") + request_text("GET", "/nothing") +
              request_text("GET", "/v2/health/live"));
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive().status, 404);
  EXPECT_EQ(client.receive().json()["live"], true);
}

TEST_F(Contracts, BodiesArriveInChunksAndByteByByte) {
  Client client(server_->port());
  const std::string body = form_body({{"file", picture_bytes(), "a.png"}});
  client.send("POST /v1/images HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: " +
              kFormType + "\r\n\r\n");
  for (std::size_t at = 0; at < body.size(); at += 7) {
    const std::string piece = body.substr(at, 7);
    client.send(std::string(1, "0123456789"[piece.size()]) + "\r\n" + piece + "\r\n");
  }
  client.send("0\r\n\r\n");
  EXPECT_EQ(client.receive().status, 201);
}

TEST_F(Contracts, ATraceAndARequestIdArePassedOn) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const Answer answer =
      server_->call("GET", "/v1/models",
                    {{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}, {"X-Request-Id", "mine-1"}});
  EXPECT_EQ(answer.headers.at("x-request-id"), "mine-1");
  EXPECT_TRUE(answer.headers.at("traceparent").starts_with("00-" + trace + "-"));
  EXPECT_EQ(answer.headers.at("traceparent").find("00f067aa0ba902b7"), std::string::npos);
  wait_until([&] {
    return std::ranges::any_of(server_->log(), [&](const Json& line) {
      return line.value("request_id", "") == "mine-1" && line.value("trace_id", "") == trace;
    });
  });
}

TEST_F(Contracts, TheLogTellsTheStagesOfARequest) {
  server_->call("POST", "/v1/images", {{"Content-Type", "image/png"}, {"X-Request-Id", "stages"}},
                picture_bytes(77, 88));
  Json line;
  wait_until([&] {
    for (const Json& candidate : server_->log()) {
      if (candidate.value("request_id", "") == "stages") line = candidate;
    }
    return !line.is_null();
  });
  EXPECT_EQ(line["status"], 201);
  EXPECT_EQ(line["model"], "tiny");
  for (const char* stage : {"decode", "queue", "encode"})
    EXPECT_TRUE(line["stages_ms"].contains(stage)) << line;
}

TEST(Curl, SendsAFormAndGetsMasks) {
  if (std::system("command -v curl > /dev/null") != 0) GTEST_SKIP() << "curl is not installed";
  const ServeProcess server;
  const testing::TemporaryFolder folder;
  e2e::write_picture(folder / "a.png");
  const std::string command =
      "curl -sS --fail -F file=@" + (folder / "a.png").string() +
      " -F 'point_coords=[[40,60]]' http://127.0.0.1:" + std::to_string(server.port()) + "/segment -o " +
      (folder / "out.json").string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(Json::parse(e2e::read_file(folder / "out.json"))["masks"], SizeIs(3));
}

TEST(Tokens, SeparateTenantsAndRefuseTheRest) {
  const testing::TemporaryFolder folder;
  e2e::write_file(folder / "tokens", "# name token\nlab 0123456789abcdef\nshop fedcba9876543210\n");
  const ServeProcess server({.options = {"--tokens-file", (folder / "tokens").string()}});
  const Headers lab = {{"Authorization", "Bearer 0123456789abcdef"}, {"Content-Type", "image/png"}};
  const Answer uploaded = server.call("POST", "/v1/images", lab, picture_bytes());
  ASSERT_EQ(uploaded.status, 201) << uploaded.body;
  const std::string path = "/v1/images/" + uploaded.json()["id"].get<std::string>();
  EXPECT_EQ(server.call("GET", path, {{"Authorization", "bearer 0123456789abcdef"}}).status, 200);
  EXPECT_EQ(server.call("GET", path, {{"Authorization", "Bearer fedcba9876543210"}}).status, 404)
      << "another tenant sees the picture";
  EXPECT_EQ(server
                .call("POST", path + "/masks",
                      {{"Authorization", "Bearer fedcba9876543210"}, {"Content-Type", "application/json"}},
                      R"({"points":[[4,4]]})")
                .status,
            404);
  for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer 0123456789abcdee", "Bearer 0123456789abcdef0",
                            "Basic 0123456789abcdef"}) {
    const Answer refused = server.call("GET", path, {{"Authorization", wrong}});
    EXPECT_EQ(refused.status, 401) << wrong;
    EXPECT_EQ(refused.headers.at("www-authenticate"), "Bearer");
  }
  EXPECT_EQ(server.get("/livez").status, 200);
  EXPECT_EQ(server.get("/metrics").status, 200);
}

TEST(Cors, NamesOnlyTheOriginsThatAreAllowed) {
  const ServeProcess server({.options = {"--cors-origin", "https://lab.example"}});
  EXPECT_EQ(server.call("GET", "/livez", {{"Origin", "https://lab.example"}})
                .headers.at("access-control-allow-origin"),
            "https://lab.example");
  EXPECT_FALSE(server.call("GET", "/livez", {{"Origin", "https://evil.example"}})
                   .headers.contains("access-control-allow-origin"));
  EXPECT_EQ(server
                .call("OPTIONS", "/segment",
                      {{"Origin", "https://lab.example"}, {"Access-Control-Request-Method", "POST"}})
                .status,
            204);
  EXPECT_EQ(server
                .call("OPTIONS", "/segment",
                      {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "POST"}})
                .status,
            405);
}

TEST(Tls, ServesWithACertificate) {
  if (std::system("command -v curl > /dev/null && command -v openssl > /dev/null") != 0)
    GTEST_SKIP() << "curl or openssl is not installed";
  const testing::TemporaryFolder folder;
  const std::string at = folder.path().string();
  ASSERT_EQ(std::system(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
                         "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
                         at + "/key.pem -out " + at + "/cert.pem 2>/dev/null")
                            .c_str()),
            0);
  const ServeProcess server({.options = {"--tls-certificate", at + "/cert.pem", "--tls-key", at + "/key.pem"},
                             .wait_until_ready = false});
  const std::string command = "curl -sS --fail --cacert " + at +
                              "/cert.pem https://localhost:" + std::to_string(server.port()) + "/livez -o " +
                              at + "/out";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(Json::parse(e2e::read_file(folder / "out"))["status"], "UP");
}

}  // namespace
}  // namespace facet::serve_tests
