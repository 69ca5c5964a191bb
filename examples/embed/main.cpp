// Segments the object under one click:
//   embed MODEL PICTURE X Y MASK.pgm
// prints the mask's score, area and box, and writes it as a grey picture, white on black.
#include <facet/picture.h>
#include <facet/predictor.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace {

int report(const facet::Status& status) {
  std::fprintf(stderr, "embed: %s\n", status.message().c_str());
  return facet::status_row(status.code()).exit_status;
}

facet::Result<float> parse_coordinate(std::string_view text) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return facet::Status(facet::StatusCode::Usage,
                         "expected a number of pixels, found '" + std::string(text) + "'");
  }
  return value;
}

facet::Status write_pgm(const facet::Bitmap& mask, const std::string& path) {
  std::string grey(mask.bits.size(), '\0');
  std::ranges::transform(mask.bits, grey.begin(), [](std::uint8_t bit) { return bit != 0 ? '\xff' : '\0'; });
  std::ofstream file(path, std::ios::binary);
  file << "P5\n" << mask.size.width << ' ' << mask.size.height << "\n255\n" << grey << std::flush;
  if (!file) return {facet::StatusCode::OutputFailed, "cannot write " + path};
  return {};
}

facet::Status segment(const std::string& model_path, const std::string& picture_path, facet::Point click,
                      const std::string& mask_path) {
  FACET_ASSIGN_OR_RETURN(const facet::ModelPtr model, facet::load_model(model_path));
  FACET_ASSIGN_OR_RETURN(const facet::Picture picture, facet::read_picture(picture_path));

  facet::Predictor predictor(model);
  FACET_ASSIGN_OR_RETURN(const facet::Embedding embedding, predictor.set_image(picture.image));
  const facet::Prompt prompts[] = {{.points = {click}, .labels = {1}, .box = {}, .mask_logits = {}}};
  FACET_ASSIGN_OR_RETURN(const auto objects, predictor.predict(embedding, prompts));

  const auto& masks = objects.front().masks;
  const facet::MaskPrediction& best = *std::ranges::max_element(masks, {}, &facet::MaskPrediction::score);
  std::printf("score %.3f area %lld box %d,%d,%d,%d\n", best.score, static_cast<long long>(best.area),
              best.bbox.x, best.bbox.y, best.bbox.width, best.bbox.height);
  return write_pgm(facet::rle_decode(best.rle), mask_path);
}

facet::Status run(int count, char** arguments) {
  if (count != 6) return {facet::StatusCode::Usage, "usage: embed MODEL PICTURE X Y MASK.pgm"};
  FACET_ASSIGN_OR_RETURN(const float x, parse_coordinate(arguments[3]));
  FACET_ASSIGN_OR_RETURN(const float y, parse_coordinate(arguments[4]));
  return segment(arguments[1], arguments[2], {x, y}, arguments[5]);
}

}  // namespace

int main(int count, char** arguments) {
  const facet::Status status = run(count, arguments);
  return status.ok() ? 0 : report(status);
}
