#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "e2e/facet_program.h"
#include "serve/contract_fixture.h"

namespace facet::serve_tests {
namespace {

class Http : public ContractTest {};

TEST_F(Http, HeadAnswersWithoutABodyAndTheConnectionGoesOn) {
  Client client(server_->port());
  client.send(request_text("HEAD", "/livez"));
  const Answer head = client.receive(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.headers.at("content-length"), "0");
  client.send(request_text("GET", "/livez"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(Http, NotModifiedComesWithoutABodyAndTheConnectionGoesOn) {
  const std::string path = "/v1/images/" + upload();
  const std::string tag = server_->get(path).headers.at("etag");
  Client client(server_->port());
  client.send(request_text("GET", path, {{"If-None-Match", tag}}) + request_text("GET", "/v2/health/live"));
  EXPECT_EQ(client.receive().status, 304);
  EXPECT_EQ(client.receive().json()["live"], true);
}

TEST_F(Http, RequestsSentAheadAreAnsweredInOrder) {
  Client client(server_->port());
  client.send(request_text("GET", "/livez") + request_text("GET", "/nothing") +
              request_text("GET", "/v2/health/live"));
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive().status, 404);
  EXPECT_EQ(client.receive().json()["live"], true);
}

TEST_F(Http, BodiesArriveInChunksAndByteByByte) {
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

TEST(Bodies, NoRoomForThemIs503AndSaysWhenToComeAgain) {
  const ServeProcess server({.options = {"--max-body", "64KiB", "--max-bodies", "64KiB"}});
  Client slow(server.port());
  slow.send(
      "POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 65536\r\n\r\n" +
      std::string(65'000, 'x'));
  const std::string body(1000, 'x');
  Answer answer;
  wait_until([&] {
    answer = server.call("POST", "/v1/images", {{"Content-Type", "image/png"}}, body);
    return answer.status != 422;  // until the server has read what the other sent
  });
  EXPECT_EQ(answer.status, 503) << answer.body;
  EXPECT_EQ(answer.headers.at("retry-after"), "1");
}

TEST(Cors, NamesOnlyTheOriginsThatAreAllowed) {
  const ServeProcess server({.options = {"--cors-origin", "https://lab.example"}});
  EXPECT_EQ(server.get("/livez").headers.at("vary"), "Origin") << "a cache must not mix the two up";
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

TEST(Cors, OpensNothingAtTheAdminsPort) {
  const ServeProcess server({.options = {"--cors-origin", "*"}});
  const Headers page = {{"Origin", "https://any.example"}};
  EXPECT_TRUE(server.call("GET", "/livez", page).headers.contains("access-control-allow-origin"));
  Client client(server.admin_port());
  client.send(request_text("GET", "/admin/models", page));
  EXPECT_FALSE(client.receive().headers.contains("access-control-allow-origin"));
  client.send(request_text("OPTIONS", "/admin/models",
                           {{"Origin", "https://any.example"}, {"Access-Control-Request-Method", "POST"}}));
  EXPECT_EQ(client.receive().status, 405);
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
