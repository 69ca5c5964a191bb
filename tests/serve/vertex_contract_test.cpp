#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/contract_fixture.h"

namespace facet::serve_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class VertexContract : public ContractTest {};

TEST_F(VertexContract, VertexAnswersEachInstanceInOrderAndABadOneAlone) {
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

TEST_F(VertexContract, VertexWithoutPromptsSegmentsEverything) {
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

TEST(VertexBatches, OfMorePicturesThanTheEnginesLineAreAnsweredWhole) {
  const ServeProcess server({.options = {"--max-queued", "2"}});
  Json instances = Json::array();
  for (int i = 0; i < 9; ++i)
    instances.push_back({{"b64", picture_base64(60 + i, 80)}, {"points", {{40, 30}}}});
  const Json predictions =
      server.post_json("/vertex/predict", {{"instances", instances}}).json()["predictions"];
  ASSERT_THAT(predictions, SizeIs(9));
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(predictions[i]["masks"][0]["size"], Json({60 + i, 80})) << predictions[i];
}

TEST(VertexVariables, OnePathAnswersHealthAndPredictions) {
  const std::string path = "/v1/endpoints/1/deployedModels/2:predict";
  const ServeProcess server({.environment = {"AIP_HEALTH_ROUTE=" + path, "AIP_PREDICT_ROUTE=" + path}});
  EXPECT_EQ(server.get(path).status, 200);
  EXPECT_THAT(server.post_json(path, {{"instances", Json::array()}}).json()["predictions"], SizeIs(0));
  EXPECT_EQ(server.get("/vertex/health").status, 404);
}

}  // namespace
}  // namespace facet::serve_tests
