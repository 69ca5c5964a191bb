#include "serve/contract_fixture.h"

#include <utility>

#include "e2e/tiny_model.h"
#include "service/http/base64.h"

namespace facet::serve_tests {
namespace {

Image test_image() { return decoded_png(picture_base64()).image; }

Predictor& predictor() {
  static Predictor predictor(load_model(e2e::tiny_model()).value());
  return predictor;
}

}  // namespace

Picture decoded_png(const std::string& base64) {
  const std::string bytes = service::base64_decode(base64).value();
  return decode_picture({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}).value();
}

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

ObjectPrediction expected_masks(const Prompt& prompt, bool multimask) {
  static const Embedding embedding = predictor().set_image(test_image()).value();
  std::vector<ObjectPrediction> objects =
      predictor().predict(embedding, {&prompt, 1}, {.multimask = multimask}).value();
  return std::move(objects[0]);
}

const std::vector<AutomaticMask>& expected_everything() {
  static const std::vector<AutomaticMask> masks =
      AutomaticMaskGenerator(
          predictor(),
          {.points_per_side = 3, .pred_iou_thresh = 0.0F, .stability_score_thresh = 0, .box_nms_thresh = 1})
          .generate(test_image())
          .value();
  return masks;
}

void ContractTest::SetUpTestSuite() {
  server_ = std::make_unique<ServeProcess>(ServeProcess::Setup{.options = {"--alias", "fast=tiny"}});
}

std::string ContractTest::upload() {
  return server_->call("POST", "/v1/images", {{"Content-Type", "image/png"}}, picture_bytes()).json()["id"];
}

}  // namespace facet::serve_tests
