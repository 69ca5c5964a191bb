#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "serve/contract_fixture.h"

namespace facet::serve_tests {
namespace {

using ::testing::SizeIs;

class ImagesContract : public ContractTest {};

TEST_F(ImagesContract, APictureIsTakenInThreeFormsAndIsTheSame) {
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

TEST_F(ImagesContract, MasksEqualThoseOfTheLibraryInEveryFormat) {
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

TEST_F(ImagesContract, MasksAsBytesComeWithTheirShape) {
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

TEST_F(ImagesContract, LogitsOfAnAnswerStartTheNext) {
  const std::string path = "/v1/images/" + upload() + "/masks";
  const Json first =
      server_->post_json(path, {{"points", {{40, 60}}}, {"multimask", false}, {"logits", true}}).json();
  const Json& mask = first["objects"][0]["masks"][0];
  const Answer second = server_->post_json(path, {{"mask_logits", mask["logits"]}, {"points", {{40, 60}}}});
  EXPECT_EQ(second.status, 200) << second.body;
  const Answer third = server_->post_json(path, {{"mask", mask["rle"]}});
  EXPECT_EQ(third.status, 200) << third.body;
}

TEST_F(ImagesContract, EverythingTakesTheGeneratorsOptions) {
  const Answer answer = server_->post_json(
      "/v1/images/" + upload() + "/everything",
      {{"points_per_side", 2}, {"pred_iou_thresh", 0}, {"box_nms_thresh", 1}, {"stability_score_thresh", 0}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  ASSERT_FALSE(answer.json()["masks"].empty());
  EXPECT_EQ(rle_area(rle_of(answer.json()["masks"][0]["rle"])), answer.json()["masks"][0]["area"]);
  EXPECT_EQ(answer.json()["embedding"], "memory") << "the picture was encoded when it was sent";
}

TEST_F(ImagesContract, EverythingAsBytesComesWithItsShape) {
  Json request = kFewPoints;
  request["format"] = "octet-stream";
  const Answer answer = server_->post_json("/v1/images/" + upload() + "/everything", request);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::vector<AutomaticMask>& expected = expected_everything();
  EXPECT_EQ(answer.headers.at("x-mask-shape"), std::to_string(expected.size()) + ",120,160");
  const Bitmap last = rle_decode(expected.back().rle);
  ASSERT_EQ(answer.body.size(), expected.size() * last.bits.size());
  EXPECT_EQ(answer.body.compare(answer.body.size() - last.bits.size(), std::string::npos,
                                reinterpret_cast<const char*>(last.bits.data()), last.bits.size()),
            0);
}

TEST(Answers, MasksAsBytesAreBoundedAndTheFieldIsNamed) {
  const ServeProcess server({.options = {"--max-answer", "50000"}});  // two masks of 160 x 120
  const std::string path = server.call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture_bytes())
                               .headers.at("location");
  Json request = {{"points", {{40, 60}}}, {"format", "octet-stream"}, {"multimask", false}};
  EXPECT_EQ(server.post_json(path + "/masks", request).status, 200);
  request["multimask"] = true;
  const Answer answer = server.post_json(path + "/masks", request);
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.json()["detail"][0]["loc"], Json({"body", "format"})) << answer.body;
}

TEST(Pictures, TakeNoMemoryWhenTheirRequestsAreOver) {
  const ServeProcess server;
  EXPECT_EQ(server.post_json("/segment", {{"image_base64", picture_base64()}, {"points", {{40, 60}}}}).status,
            200);
  EXPECT_EQ(server.post_json("/segment", {{"image_base64", "AAAA"}}).status, 422);
  wait_until([&] { return server.metric("facet_decoded_bytes") == 0; });
}

TEST(Pictures, WhoseBytesMadeRoomAreSegmentedFromTheirEmbedding) {
  const ServeProcess server({.options = {"--picture-store", "1"}});
  const std::string path = server.call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture_bytes())
                               .headers.at("location");
  Json request = kFewPoints;
  EXPECT_EQ(server.post_json(path + "/everything", request).json()["masks"].size(),
            expected_everything().size());
  request["crop_n_layers"] = 1;
  const Answer answer = server.post_json(path + "/everything", request);
  EXPECT_EQ(answer.status, 410) << answer.body;
  EXPECT_EQ(answer.json()["error"]["code"], "image_evicted");
}

TEST_F(ImagesContract, ADeletedPictureIsUnknown) {
  const std::string bytes = picture_bytes(64, 80);
  const std::string path =
      "/v1/images/" + server_->call("POST", "/v1/images", {{"Content-Type", "image/png"}}, bytes)
                          .json()["id"]
                          .get<std::string>();
  EXPECT_EQ(server_->call("DELETE", path).status, 204);
  EXPECT_EQ(server_->post_json(path + "/masks", {{"points", {{4, 6}}}}).status, 404);
  EXPECT_EQ(server_->call("DELETE", path).status, 404);
}

}  // namespace
}  // namespace facet::serve_tests
