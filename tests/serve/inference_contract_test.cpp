#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "serve/contract_fixture.h"

namespace facet::serve_tests {
namespace {

using ::testing::SizeIs;

class InferenceContract : public ContractTest {};

TEST_F(InferenceContract, InferenceGivesMasksAsJsonAndEchoesTheId) {
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

/// A picture and one point in binary, as of `datatype`; the three masks' bytes.
Answer infer_in_binary(const ServeProcess& server, const std::string& datatype, const std::string& point) {
  const std::string picture = picture_bytes();
  const auto length = static_cast<std::uint32_t>(picture.size());
  const std::string binary = std::string(reinterpret_cast<const char*>(&length), 4) + picture + point;
  const std::string head = Json({{"inputs",
                                  {{{"name", "image"},
                                    {"datatype", "BYTES"},
                                    {"shape", {1}},
                                    {"parameters", {{"binary_data_size", picture.size() + 4}}}},
                                   {{"name", "point_coords"},
                                    {"datatype", datatype},
                                    {"shape", {1, 2}},
                                    {"parameters", {{"binary_data_size", point.size()}}}}}},
                                 {"outputs", {{{"name", "masks"}, {"parameters", {{"binary_data", true}}}}}}})
                               .dump();
  return server.call("POST", "/v2/models/tiny/infer",
                     {{"Content-Type", "application/octet-stream"},
                      {"Inference-Header-Content-Length", std::to_string(head.size())}},
                     head + binary);
}

TEST_F(InferenceContract, InferenceTakesAndGivesBinaryTensors) {
  const float point[2] = {40, 60};
  const Answer answer =
      infer_in_binary(*server_, "FP32", std::string(reinterpret_cast<const char*>(point), sizeof point));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::size_t json_length = std::stoul(answer.headers.at("inference-header-content-length"));
  const Json body = Json::parse(answer.body.substr(0, json_length));
  EXPECT_EQ(body["outputs"][0]["shape"], Json({1, 3, 120, 160}));
  const Bitmap expected = rle_decode(expected_masks(point_, true).masks[0].rle);
  ASSERT_EQ(answer.body.size() - json_length, 3 * expected.bits.size());
  EXPECT_EQ(std::memcmp(answer.body.data() + json_length, expected.bits.data(), expected.bits.size()), 0);
  EXPECT_EQ(infer_in_binary(*server_, "UINT8", "\x28\x3c").body, answer.body) << "bytes are numbers too";
}

TEST_F(InferenceContract, InferenceTellsOfItselfAndItsModels) {
  EXPECT_THAT(server_->get("/v2").json()["extensions"], ::testing::Contains("binary_tensor_data"));
  EXPECT_EQ(server_->get("/v2/health/live").json()["live"], true);
  EXPECT_EQ(server_->get("/v2/health/ready").json()["ready"], true);
  EXPECT_EQ(server_->get("/v2/models/tiny/ready").status, 200);
  EXPECT_EQ(server_->get("/v2/models/tiny/versions/1/ready").status, 200);
  EXPECT_EQ(server_->get("/v2/models/tiny/versions/9/ready").status, 404);
  EXPECT_EQ(server_->get("/v2/models/fast").json()["name"], "tiny");
  EXPECT_EQ(server_->get("/v2/models/none").status, 404);
}

}  // namespace
}  // namespace facet::serve_tests
