#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "serve/contract_fixture.h"

namespace facet::serve_tests {
namespace {

using ::testing::SizeIs;

class LabelStudioContract : public ContractTest {};

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

TEST_F(LabelStudioContract, LabelStudioGetsABrushMaskForWhatWasDrawn) {
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

TEST_F(LabelStudioContract, LabelStudioGetsNothingBeforeAnybodyHasDrawn) {
  const Json answer =
      server_->post_json("/predict", {{"tasks", {{{"data", {{"image", "/data/a.png"}}}}}}}).json();
  EXPECT_THAT(answer["results"][0]["result"], SizeIs(0));
  EXPECT_EQ(server_->get("/health").json()["status"], "UP");
}

}  // namespace
}  // namespace facet::serve_tests
