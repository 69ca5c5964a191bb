#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "serve/contract_fixture.h"

namespace facet::serve_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class SegmentContract : public ContractTest {};

TEST_F(SegmentContract, TheFormOfSegmentGivesPngMasksScoresAndTheModel) {
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

TEST_F(SegmentContract, TheFormOfSegmentTakesABoxAndOneMask) {
  const Answer answer = server_->post_form("/segment", {{"file", picture_bytes(), "a.png"},
                                                        {"box", "[20, 30, 70, 90]", ""},
                                                        {"multimask_output", "false", ""}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  ASSERT_THAT(answer.json()["masks"], SizeIs(1));
  EXPECT_EQ(mask_in_png(answer.json()["masks"][0]),
            expected_masks({.box = Box{20, 30, 70, 90}}, false).masks[0].rle);
}

TEST_F(SegmentContract, TheJsonOfSegmentGivesOneMaskAnObject) {
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

TEST_F(SegmentContract, TheJsonOfSegmentKeepsTheBestOfThreeForAPoint) {
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

TEST_F(SegmentContract, SegmentWithoutPromptsSegmentsEverything) {
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

TEST_F(SegmentContract, TheFormsOfSegmentSegmentEverythingToo) {
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

TEST_F(SegmentContract, ABatchAnswersEachFileInOrderAndABadOneAlone) {
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

}  // namespace
}  // namespace facet::serve_tests
