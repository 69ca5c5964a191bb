#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "serve/serve_process.h"

namespace facet::serve_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A request that must be refused.
struct BadRequest {
  std::string what;
  std::string path;
  Headers headers;
  std::string body;
  int status = 422;
  std::string names;  ///< of the place where the mistake is; or that place, ": " and words of the message
  std::string method = "POST";
};

const Headers kJson = {{"Content-Type", "application/json"}};
const Headers kForm = {{"Content-Type", kFormType}};

BadRequest bad_json(const std::string& path, const Json& body, const std::string& names, int status = 422) {
  return {body.dump().substr(0, 120), path, kJson, body.dump(), status, names};
}
BadRequest bad_text(const std::string& path, const std::string& body, const std::string& names,
                    int status = 400) {
  return {body.substr(0, 120), path, kJson, body, status, names};
}
BadRequest bad_form(const std::string& path, const std::vector<FormField>& fields, const std::string& names,
                    int status = 422) {
  const std::string body = form_body(fields);
  return {fields.empty() ? "an empty form" : fields.back().name + "=" + fields.back().data.substr(0, 60),
          path,
          kForm,
          body,
          status,
          names};
}
BadRequest bad_multipart(const std::string& what, const std::string& body, const std::string& names,
                         const std::string& type = kFormType, int status = 400) {
  return {what, "/segment", {{"Content-Type", type}}, body, status, names};
}

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

/// A PNG signature and header that declare a size, and nothing more.
std::string declared_png(std::uint32_t width, std::uint32_t height) {
  return "\x89PNG\r\n\x1a\n" + big_endian(13) + "IHDR" + big_endian(width) + big_endian(height) +
         std::string("\x08\x02\0\0\0", 5) + big_endian(0);
}

class BadRequests : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<ServeProcess>(
        ServeProcess::Setup{.options = {"--max-pixels", "1000000", "--max-body", "2MiB", "--max-objects", "8",
                                        "--max-files", "3"}});
    id_ = server_->call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture_bytes()).json()["id"];
  }
  static void TearDownTestSuite() { server_.reset(); }

  /// Each is refused with its status, names the field, tells nothing of this machine, and leaves the service
  /// alive.
  static void expect_all_refused(const std::vector<BadRequest>& requests) {
    for (const BadRequest& request : requests) {
      SCOPED_TRACE(request.method + " " + request.path + ": " + request.what);
      const Answer answer = server_->call(request.method, request.path, request.headers, request.body);
      EXPECT_EQ(answer.status, request.status) << answer.body;
      expect_named(answer, request.names);
      expect_shape(request.path, answer);
    }
    EXPECT_EQ(server_->get("/livez").status, 200);
    EXPECT_EQ(server_->get("/readyz").status, 200);
    for (const char* held : {"facet_http_requests_busy", "facet_decoded_bytes"})
      wait_until([held] { return server_->metric(held) == 0; });
  }

  static void expect_named(const Answer& answer, const std::string& names) {
    const std::string place = place_of(answer);
    const std::size_t words = names.find(": ");
    EXPECT_THAT(place.empty() ? answer.body : place, HasSubstr(names.substr(0, words)));
    const std::string said = words == std::string::npos ? "" : names.substr(words + 2);
    EXPECT_THAT(answer.body, HasSubstr(said));
  }

  /// Where in the request the first mistake is, as "body.objects[1].box"; empty where the answer does not
  /// say.
  static std::string place_of(const Answer& answer) {
    const Json body = Json::parse(answer.body, nullptr, false);
    if (answer.status != 422 || !body.is_object() || !body.value("detail", Json()).is_array()) return {};
    std::string place;
    for (const Json& step : body["detail"][0]["loc"]) {
      if (step.is_number()) place += "[" + std::to_string(step.get<int>()) + "]";
      if (step.is_string()) place += (place.empty() ? "" : ".") + step.get<std::string>();
    }
    return place;
  }

  static void expect_shape(const std::string& path, const Answer& answer) {
    const Json body = Json::parse(answer.body, nullptr, false);
    ASSERT_TRUE(body.is_object()) << answer.body;
    EXPECT_FALSE(answer.headers.at("x-request-id").empty());
    EXPECT_EQ(body.at("request_id"), answer.headers.at("x-request-id"));
    if (path.starts_with("/v2")) {
      EXPECT_TRUE(body.at("error").is_string());
    } else {
      EXPECT_TRUE(body.at("error").at("code").is_string());
      EXPECT_TRUE(body.at("error").at("message").is_string());
    }
    if (answer.status == 422 && body.at("detail").is_array()) {
      for (const Json& detail : body.at("detail")) {
        EXPECT_TRUE(detail.at("loc").is_array());
        EXPECT_TRUE(detail.at("msg").is_string());
        EXPECT_TRUE(detail.at("type").is_string());
      }
    }
    for (const std::string& secret : {std::string("/tmp"), std::string(".cpp"), e2e::tiny_model().string()})
      EXPECT_THAT(answer.body, Not(HasSubstr(secret)));
  }

  static std::string masks() { return "/v1/images/" + id_ + "/masks"; }

  static inline std::unique_ptr<ServeProcess> server_;
  static inline std::string id_;
};

TEST_F(BadRequests, BrokenMultipartBodiesAre400AndSayWhatIsWrong) {
  const std::string part =
      "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\ndata\r\n";
  expect_all_refused({
      bad_multipart("no boundary in the header", "x", "boundary", "multipart/form-data"),
      bad_multipart("an empty boundary", "x", "boundary", "multipart/form-data; boundary="),
      bad_multipart("a boundary of 71 characters", "x", "boundary",
                    "multipart/form-data; boundary=" + std::string(71, 'a')),
      bad_multipart("a boundary with a bracket", "x", "boundary", "multipart/form-data; boundary=\"a[b\""),
      {"an empty body", "/segment", {{"Content-Type", kFormType}}, "", 422, "file"},
      bad_multipart("another boundary", "--other\r\n" + part + "--other--\r\n", "boundary"),
      bad_multipart("no closing boundary", "--facet-test\r\n" + part, "closing boundary"),
      bad_multipart("cut within a header", "--facet-test\r\nContent-Disp", "closing boundary"),
      bad_multipart("text after a boundary", "--facet-test text\r\n" + part + "--facet-test--", "follow"),
      bad_multipart("a part without a header", "--facet-test\r\n\r\ndata\r\n--facet-test--",
                    "Content-Disposition"),
      bad_multipart("no Content-Disposition",
                    "--facet-test\r\nContent-Type: text/plain\r\n\r\ndata\r\n--facet-test--",
                    "Content-Disposition"),
      bad_multipart(
          "an attachment",
          "--facet-test\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx\r\n--facet-test--",
          "form-data"),
      bad_multipart("no name", "--facet-test\r\nContent-Disposition: form-data\r\n\r\nx\r\n--facet-test--",
                    "name"),
      bad_multipart("two dispositions",
                    "--facet-test\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: "
                    "form-data; name=\"b\"\r\n\r\nx\r\n--facet-test--",
                    "two"),
      bad_multipart("a header without a colon",
                    "--facet-test\r\nContent-Disposition\r\n\r\nx\r\n--facet-test--", "colon"),
      bad_multipart("a folded header",
                    "--facet-test\r\nContent-Disposition: form-data;\r\n name: x\r\n\r\nx\r\n--facet-test--",
                    "part"),
      bad_multipart("a part in base64",
                    "--facet-test\r\nContent-Disposition: form-data; "
                    "name=\"file\"\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--facet-test--",
                    "Content-Transfer-Encoding"),
      bad_multipart("a header of 9000 bytes",
                    "--facet-test\r\nX: " + std::string(9000, 'x') + "\r\n\r\nx\r\n--facet-test--", "header"),
      bad_multipart("a field of more than a megabyte",
                    "--facet-test\r\nContent-Disposition: form-data; name=\"box\"\r\n\r\n" +
                        std::string((1 << 20) + 1, '1') + "\r\n--facet-test--",
                    "longer"),
      bad_multipart("a preamble without an end", std::string(100'000, 'x'), "boundary"),
  });
}

TEST_F(BadRequests, TooManyPartsAre400) {
  std::vector<FormField> fields(40, {"x", "y", ""});
  expect_all_refused({{"40 parts", "/segment", kForm, form_body(fields), 400, "parts"}});
}

TEST_F(BadRequests, FormsThatDoNotFitNameTheField) {
  const FormField file = {"file", picture_bytes(), "a.png"};
  expect_all_refused({
      bad_form("/segment", {}, "file"),
      bad_form("/segment", {{"point_coords", "[[1,2]]", ""}}, "file"),
      bad_form("/segment", {{"image", "x", "a.png"}}, "file"),
      bad_form("/segment", {{"file", "", "a.png"}}, "file"),
      bad_form("/segment", {{"file", "not a picture", "a.png"}}, "file"),
      bad_form("/segment", {file, file}, "file"),
      bad_form("/segment", {file, {"point_coords", "[[1,2", ""}}, "point_coords", 400),
      bad_form("/segment", {file, {"point_coords", "[1,2]", ""}}, "point_coords"),
      bad_form("/segment", {file, {"point_coords", "[[1,2,3]]", ""}}, "point_coords"),
      bad_form("/segment", {file, {"point_coords", "[[\"a\",2]]", ""}}, "point_coords"),
      bad_form("/segment", {file, {"point_coords", "{\"x\":1}", ""}}, "point_coords"),
      bad_form("/segment", {file, {"point_coords", "[[NaN,1]]", ""}}, "point_coords", 400),
      bad_form("/segment", {file, {"point_coords", "[[1e999,1]]", ""}}, "point_coords", 400),
      bad_form("/segment", {file, {"point_coords", "[[1000,1]]", ""}}, "points"),
      bad_form("/segment", {file, {"point_coords", "[[1,1]]", ""}, {"point_labels", "[1,0]", ""}},
               "point_labels"),
      bad_form("/segment", {file, {"point_coords", "[[1,1]]", ""}, {"point_labels", "[2]", ""}},
               "point_labels"),
      bad_form("/segment", {file, {"point_coords", "[[1,1]]", ""}, {"point_labels", "[\"1\"]", ""}},
               "point_labels"),
      bad_form("/segment", {file, {"point_labels", "[1]", ""}}, "point_labels"),
      bad_form("/segment", {file, {"box", "[1,2,3]", ""}}, "box"),
      bad_form("/segment", {file, {"box", "[10,10,5,20]", ""}}, "box"),
      bad_form("/segment", {file, {"box", "[10,10,10,20]", ""}}, "box"),
      bad_form("/segment", {file, {"box", "[10,10,5000,20]", ""}}, "box"),
      bad_form("/segment", {file, {"box", "[0,0,9,9]", ""}, {"box", "[0,0,9,9]", ""}}, "box"),
      bad_form("/segment", {file, {"multimask_output", "perhaps", ""}}, "multimask_output"),
      bad_form("/segment", {file, {"model_type", "no_such_model", ""}}, "model_type"),
      bad_form("/segment", {file, {"timeout_ms", "soon", ""}}, "timeout_ms"),
      bad_form("/segment", {file, {"timeout_ms", "-1", ""}}, "timeout_ms"),
      bad_form("/segment_batch", {{"box", "[0,0,9,9]", ""}}, "files"),
      bad_form("/segment_batch",
               {{"files", "x", "a"}, {"files", "x", "b"}, {"files", "x", "c"}, {"files", "x", "d"}}, "files"),
      bad_form("/v1/images", {{"picture", "x", "a.png"}}, "file"),
      bad_form("/v1/images", {file, {"model", "no_such_model", ""}}, "model"),
  });
}

TEST_F(BadRequests, TextThatIsNotJsonIs400) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  std::string keys = "{\"a\":1";
  std::string many;
  for (int i = 0; i < 600'000; ++i) many += "0,";
  for (int i = 0; i < 300; ++i) keys += ",\"k" + std::to_string(i) + "\":1";
  expect_all_refused({
      bad_text(masks(), "", "JSON"),
      bad_text(masks(), "{", "JSON"),
      bad_text(masks(), "{\"points\":[[1,2]]", "JSON"),
      bad_text(masks(), "{'points':[[1,2]]}", "JSON"),
      bad_text(masks(), "{\"points\":[[1,2]]}}", "JSON"),
      bad_text(masks(), "{\"points\":[[NaN,2]]}", "JSON"),
      bad_text(masks(), "{\"points\":[[Infinity,2]]}", "JSON"),
      bad_text(masks(), "{\"points\":[[1e999,2]]}", "number"),
      bad_text(masks(), "{\"points\":[[1,2]],\"points\":[[3,4]]}", "twice"),
      bad_text(masks(), "{\"format\":\"\xff\xfe\"}", "JSON"),
      bad_text(masks(), "{\"format\":\"\\ud800\"}", "JSON"),
      bad_text(masks(), deep, "nested"),
      bad_text(masks(), keys + "}", "keys"),
      bad_text(masks(), "{\"points\":[" + many + "0]}", "values"),
      bad_text("/segment", "points=1", "JSON"),
      bad_text("/segment", std::string("{\"image_base64\":\"\0\"}", 21), "JSON"),
      bad_text("/v2/models/tiny/infer", "{]", "JSON"),
      bad_text("/vertex/predict", "<xml/>", "JSON"),
      bad_text("/predict", "[1,", "JSON"),
  });
}

TEST_F(BadRequests, PromptsThatDoNotFitNameTheObjectAndTheField) {
  const Json nine(9, {{"points", {{1, 1}}}});
  expect_all_refused({
      bad_json(masks(), {{"points", Json::array()}}, "body: prompt"),
      bad_json(masks(), Json::object(), "body: prompt"),
      bad_json(masks(), Json::array(), "body"),
      bad_json(masks(), nullptr, "body"),
      bad_json(masks(), {{"objects", Json::array()}}, "objects"),
      bad_json(masks(), {{"objects", {{}}}}, "objects"),
      bad_json(masks(), {{"objects", "all"}}, "objects"),
      bad_json(masks(), {{"objects", nine}}, "objects"),
      bad_json(masks(), {{"objects", {{{"points", {{1, 1}}}}, {{"points", {{900, 1}}}}}}},
               "objects[1].points"),
      bad_json(masks(), {{"objects", {{{"points", {{1, 1}}}}, {{"box", {9, 9, 1, 1}}}}}}, "objects[1].box"),
      bad_json(masks(), {{"objects", {{{"points", {{1, 1}}}, {"labels", {1, 1}}}}}}, "objects[0].labels"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"labels", {3}}}, "labels"),
      bad_json(masks(), {{"points", {{-1, 1}}}}, "points"),
      bad_json(masks(), {{"points", {{1, 1e300}}}}, "points"),
      bad_json(masks(), {{"points", {{1}}}}, "points"),
      bad_json(masks(), {{"points", {{true, 1}}}}, "points"),
      bad_json(masks(), {{"points", {1, 2}}}, "points"),
      bad_json(masks(), {{"points", Json(2000, {1, 1})}}, "points"),
      bad_json(masks(), {{"labels", {1}}}, "labels"),
      bad_json(masks(), {{"box", {1, 2, 3}}}, "box"),
      bad_json(masks(), {{"box", {1, 2, "3", 4}}}, "box"),
      bad_json(masks(), {{"box", {5, 5, 5, 9}}}, "box"),
      bad_json(masks(), {{"mask", "x"}}, "mask"),
      bad_json(masks(), {{"mask", {{"size", {120, 160}}}}}, "mask.counts"),
      bad_json(masks(), {{"mask", {{"size", {10, 10}}, {"counts", "11"}}}}, "mask.size"),
      bad_json(masks(), {{"mask", {{"size", {120, 160}}, {"counts", "11"}}}}, "mask.counts"),
      bad_json(masks(), {{"mask", {{"size", {120, 160}}, {"counts", {1, 2}}}}}, "mask.counts"),
      bad_json(masks(), {{"mask", {{"size", {120, 160}}, {"counts", {-1, 2}}}}}, "mask.counts"),
      bad_json(masks(), {{"mask", {{"size", {-120, 160}}, {"counts", "1"}}}}, "mask.size"),
      bad_json(masks(), {{"mask_logits", "%%%"}}, "mask_logits"),
      bad_json(masks(), {{"mask_logits", "AAAA"}}, "mask_logits"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"format", "svg"}}, "format"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"multimask", "yes"}}, "multimask"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"min_score", "high"}}, "min_score"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"model", "no_such_model"}}, "model"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"model", 7}}, "model"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"timeout_ms", 0}}, "timeout_ms"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"timeout_ms", 1.5}}, "timeout_ms"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"parameters", {{"timeout_ms", "x"}}}},
               "parameters.timeout_ms"),
      bad_json(masks(), {{"points", {{1, 1}}}, {"parameters", {{"timeout_ms", -5}}}},
               "parameters.timeout_ms"),
      bad_json("/v1/images/" + id_ + "/everything", {{"points_per_side", 0}}, "points_per_side"),
      bad_json("/v1/images/" + id_ + "/everything", {{"pred_iou_thresh", -10}}, "body: pred_iou_thresh"),
      bad_json("/v1/images/" + id_ + "/everything", {{"points_per_side", 1'000'000}}, "points_per_side"),
      bad_json("/v1/images/" + id_ + "/everything", {{"crop_n_layers", 30}}, "crop_n_layers"),
      bad_json("/segment", {{"image_base64", picture_base64()}, {"points_per_side", 0}}, "points_per_side"),
      bad_json("/segment", {{"image_base64", picture_base64()}, {"pred_iou_thresh", -10}},
               "body: pred_iou_thresh"),
      bad_json("/vertex/predict", {{"instances", Json::array()}, {"parameters", {{"points_per_side", "9"}}}},
               "points_per_side"),
  });
}

TEST_F(BadRequests, PicturesThatAreNoneNameTheField) {
  const std::string bytes = picture_bytes();
  const auto raw = [](const std::string& what, const std::string& body, const std::string& names,
                      int status = 422) {
    return BadRequest{what, "/v1/images", {{"Content-Type", "image/png"}}, body, status, names};
  };
  expect_all_refused({
      bad_json("/segment", {{"prompt_type", "auto"}}, "image_base64"),
      bad_json("/segment", {{"image_base64", 5}}, "image_base64"),
      bad_json("/segment", {{"image_base64", ""}}, "image_base64"),
      bad_json("/segment", {{"image_base64", "%%%%"}}, "image_base64"),
      bad_json("/segment", {{"image_base64", "AAAAA"}}, "image_base64"),
      bad_json("/segment", {{"image_base64", "AA==AA=="}}, "image_base64"),
      bad_json("/segment", {{"image_base64", "AAA=="}}, "image_base64"),
      bad_json("/segment", {{"image_base64", "AAAA"}}, "image_base64"),
      bad_json("/segment", {{"image_base64", "data:image/png,abc"}}, "image_base64"),
      bad_json("/segment", {{"image_base64", "http://127.0.0.1/picture.png"}}, "image_base64: not fetched"),
      bad_json("/segment", {{"image_base64", picture_base64()}, {"prompt_type", "circle"}}, "prompt_type"),
      bad_json("/segment", {{"image_base64", picture_base64()}, {"prompt_type", "point"}}, "points"),
      bad_json("/segment", {{"image_base64", picture_base64()}, {"prompt_type", "box"}}, "boxes"),
      bad_json("/segment", {{"image_base64", picture_base64()}, {"boxes", {{0, 0, 9, 9}, {9, 9, 0, 0}}}},
               "boxes[1]"),
      bad_json("/segment", {{"image_base64", picture_base64()}, {"confidence_threshold", 2}},
               "confidence_threshold"),
      bad_json("/v1/images", {{"image", "x"}}, "image_base64"),
      raw("nothing", "", "body"),
      raw("text", "hello", "body: PNG"),
      raw("a GIF", "GIF89a", "body: PNG"),
      raw("a TIFF", std::string("II*\0\x08\0\0\0", 8), "body: TIFF"),
      raw("a PNG's first bytes", bytes.substr(0, 20), "body"),
      raw("half a PNG", bytes.substr(0, bytes.size() / 2), "body"),
      raw("a PNG that declares 2^31 x 2^31 pixels", declared_png(0x7FFFFFFF, 0x7FFFFFFF), "body"),
      raw("a PNG that declares 100000 x 100000 pixels", declared_png(100'000, 100'000), "body"),
      raw("a PNG without a row", declared_png(10, 0), "body"),
      raw("a JPEG's first bytes", "\xFF\xD8\xFF\xE0", "body"),
      raw("a WebP's first bytes", std::string("RIFF\x10\0\0\0WEBPVP8 ", 16), "body"),
      raw("one pixel", picture_bytes(1, 1), "body: pixel"),
      raw("three megabytes", std::string(3 << 20, 'x'), "body", 413),
  });
}

TEST_F(BadRequests, ProtocolsNameTheTensorOrTheInstance) {
  const Json image = {{"name", "image"}, {"datatype", "BYTES"}, {"shape", {1}}, {"data", {picture_base64()}}};
  const Json points = {
      {"name", "point_coords"}, {"datatype", "FP32"}, {"shape", {1, 1, 2}}, {"data", {1, 1}}};
  const auto changed = [](Json tensor, const std::string& key, const Json& value) {
    tensor[key] = value;
    return tensor;
  };
  const std::string infer = "/v2/models/tiny/infer";
  expect_all_refused({
      bad_json(infer, Json::object(), "inputs"),
      bad_json(infer, {{"inputs", Json::array()}}, "inputs"),
      bad_json(infer, {{"inputs", {points}}}, "inputs: image"),
      bad_json(infer, {{"inputs", {image}}}, "inputs: point_coords"),
      bad_json(infer, {{"inputs", {image, changed(points, "datatype", "FP8")}}}, "inputs[1]"),
      bad_json(infer, {{"inputs", {image, changed(points, "shape", {2})}}}, "inputs[1]: shape"),
      bad_json(infer, {{"inputs", {image, changed(points, "shape", {-1, 2})}}}, "shape"),
      bad_json(infer, {{"inputs", {image, changed(points, "shape", {1000000000, 1000000000, 1000000000})}}},
               "inputs[1]"),
      bad_json(infer, {{"inputs", {image, changed(points, "data", {1, "x"})}}}, "inputs[1]"),
      bad_json(infer, {{"inputs", {image, changed(points, "data", {1, 2, 3})}}}, "inputs[1]"),
      bad_json(infer, {{"inputs", {image, changed(points, "data", {1000, 1})}}}, "points"),
      bad_json(infer, {{"inputs", {changed(image, "data", {"%%"}), points}}}, "inputs[0]"),
      bad_json(infer, {{"inputs", {image, points}}, {"outputs", {{{"name", "other"}}}}}, "outputs[0]"),
      bad_json(infer, {{"inputs", {image, points}}, {"timeout_ms", -1}}, "timeout_ms"),
      bad_json(infer, {{"inputs", {image, points}}, {"parameters", {{"timeout_ms", "x"}}}},
               "parameters.timeout_ms"),
      bad_json(infer, {{"inputs", {image, points}}, {"parameters", {{"timeout", 1e18}}}},
               "parameters.timeout"),
      bad_json(infer,
               {{"inputs", {image, changed(changed(points, "shape", {1, 1025, 2}), "data", Json(2050, 1))}}},
               "inputs.points: 1024 points"),
      bad_json("/v2/models/none/infer", {{"inputs", {image, points}}}, "none", 404),
      bad_json("/v2/models/tiny/versions/9/infer", {{"inputs", {image, points}}}, "version", 404),
      {"a length beyond the body",
       infer,
       {{"Content-Type", "application/octet-stream"}, {"Inference-Header-Content-Length", "999"}},
       "{}",
       400,
       "Inference-Header-Content-Length"},
      {"a length that is none",
       infer,
       {{"Content-Type", "application/octet-stream"}, {"Inference-Header-Content-Length", "many"}},
       "{}",
       400,
       "Inference-Header-Content-Length"},
      {"binary data that is not there", infer, kJson,
       R"({"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":100}}]})",
       422, "inputs[0]"},
      bad_json("/vertex/predict", {{"instances", "x"}}, "instances"),
      bad_json("/vertex/predict", {{"parameters", {{"model", "tiny"}}}}, "instances"),
      bad_json("/vertex/predict", {{"instances", Json::array()}, {"parameters", {{"model", "none"}}}},
               "parameters.model"),
      bad_json("/predict", {{"project", 1}}, "tasks"),
      bad_json("/predict", {{"tasks", {{{"id", 1}}}}}, "tasks[0].data"),
      bad_json(
          "/predict",
          {{"tasks", {{{"data", {{"image", "http://x/y.png"}}}}}},
           {"params",
            {{"context", {{"result", {{{"type", "keypointlabels"}, {"value", {{"x", 1}, {"y", 1}}}}}}}}}}},
          "tasks[0]: not fetched"),
      bad_json(
          "/predict",
          {{"tasks", {{{"data", {{"image", "data:image/png;base64," + picture_base64()}}}}}},
           {"params",
            {{"context", {{"result", {{{"type", "keypointlabels"}, {"value", {{"x", 400}, {"y", 1}}}}}}}}}}},
          "result[0]"),
  });
}

TEST_F(BadRequests, PathsMethodsTypesAndIdsAreRefused) {
  const std::string absent(64, 'a');
  expect_all_refused({
      {"an unknown path", "/nothing", {}, "", 404, "not_found", "GET"},
      {"a path with dots", "/../../etc/passwd", {}, "", 404, "not_found", "GET"},
      {"another method", "/segment", {}, "", 405, "POST", "GET"},
      {"a made-up method", "/livez", {}, "", 405, "GET", "BREW"},
      {"a form where JSON is expected", masks(), kForm, form_body({}), 415, "application/json"},
      {"a type that nothing takes", "/segment", {{"Content-Type", "text/csv"}}, "a,b", 415, "Content-Type"},
      {"a compressed body",
       "/segment",
       {{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}},
       "x",
       415,
       "Content-Encoding"},
      {"an id that was never here", "/v1/images/" + absent + "/masks", kJson, R"({"points":[[1,1]]})", 404,
       "id"},
      {"an id that is none", "/v1/images/../masks", kJson, R"({"points":[[1,1]]})", 404, "id"},
      {"everything of an absent id", "/v1/images/" + absent + "/everything", kJson, "{}", 404, "id"},
      {"an absent picture", "/v1/images/" + absent, {}, "", 404, "id", "GET"},
      {"deleting an absent picture", "/v1/images/" + absent, {}, "", 404, "id", "DELETE"},
      {"a timeout that is none",
       masks(),
       {{"Content-Type", "application/json"}, {"X-Timeout-Ms", "soon"}},
       R"({"points":[[1,1]]})",
       422,
       "X-Timeout-Ms"},
  });
}

TEST_F(BadRequests, BytesThatAreNotHttpAreRefusedAndTheConnectionEnds) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"hello\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\n\r\n", 400},
      {"GET /livez HTTP/1.1\r\n\r\n", 400},
      {"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /livez HTTP/1.1\r\nHost: x\r\nA" + std::string(20'000, 'a') + ": 1\r\n\r\n", 431},
      {"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400},
      {"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip, "
       "chunked\r\n\r\n",
       501},
      {"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
       "chunked\r\n\r\nzz\r\n",
       400},
      {"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
       "99999999999\r\n\r\n",
       413},
  };
  for (const auto& [bytes, status] : cases) {
    SCOPED_TRACE(bytes.substr(0, 100));
    Client client(server_->port());
    client.send(bytes);
    EXPECT_EQ(client.receive().status, status);
    EXPECT_EQ(client.receive().status, 0) << "the connection is still open";
  }
  EXPECT_EQ(server_->get("/livez").status, 200);
}

}  // namespace
}  // namespace facet::serve_tests
