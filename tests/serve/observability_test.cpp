#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/contract_fixture.h"

namespace facet::serve_tests {
namespace {

class Observability : public ContractTest {};

TEST_F(Observability, OpenApiNamesEveryRouteAndItsSchemas) {
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

TEST_F(Observability, OpenApiNamesTheHeadersThatAreRead) {
  const Json paths = server_->get("/openapi.json").json()["paths"];
  const auto names = [&](const char* path, const char* method, const char* header) {
    return std::ranges::any_of(paths[path][method].value("parameters", Json::array()), [&](const Json& one) {
      return one["in"] == "header" && one["name"] == header;
    });
  };
  EXPECT_TRUE(names("/v1/images", "post", "X-Timeout-Ms"));
  EXPECT_TRUE(names("/v2/models/{model}/infer", "post", "X-Timeout-Ms"));
  EXPECT_TRUE(names("/v2/models/{model}/infer", "post", "Inference-Header-Content-Length"));
  EXPECT_FALSE(names("/v2", "get", "Inference-Header-Content-Length"));
  EXPECT_FALSE(names("/livez", "get", "X-Timeout-Ms"));
}

TEST_F(Observability, MetricsCountRequestsByRouteAndStatus) {
  const std::string series = R"(facet_http_requests_total{method="GET",route="/livez",status="200"})";
  const double before = server_->metric(series);
  for (int i = 0; i < 3; ++i) server_->get("/livez");
  EXPECT_EQ(server_->metric(series), before + 3);
}

TEST_F(Observability, ATraceAndARequestIdArePassedOn) {
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

TEST_F(Observability, TheLogTellsTheStagesOfARequest) {
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

}  // namespace
}  // namespace facet::serve_tests
