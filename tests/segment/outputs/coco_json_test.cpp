#include "segment/outputs/coco_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/masks.h"

namespace facet::segment {
namespace {

using nlohmann::json;

MaskRecord record(const std::vector<std::string>& rows, const std::string& label) {
  MaskRecord mask = make_mask_record(rle_encode(testing::drawn_mask(rows)), 0.75F);
  mask.label = label;
  return mask;
}

std::vector<PictureMasks> two_pictures() {
  return {{"a.png",
           {3, 4},
           {record({"....", ".##.", ".##."}, "grain"), record({"###.", "#.#.", "###."}, "pore")}},
          {"b.png", {1, 2}, {record({"##"}, "grain"), record({".#"}, "")}}};
}

TEST(CocoJson, HasThePartsAndIdsOfADataSet) {
  const json data_set = json::parse(coco_json(two_pictures(), {.date_created = "2024-05-01"}));
  EXPECT_EQ(data_set["info"]["date_created"], "2024-05-01");
  EXPECT_TRUE(data_set["licenses"].is_array());
  EXPECT_EQ(data_set["images"][1], (json{{"id", 2}, {"file_name", "b.png"}, {"width", 2}, {"height", 1}}));
  EXPECT_EQ(data_set["categories"].size(), 3U);
  EXPECT_EQ(data_set["categories"][2], (json{{"id", 3}, {"name", "object"}, {"supercategory", ""}}));
  std::vector<std::array<int, 3>> ids;
  for (const json& a : data_set["annotations"]) ids.push_back({a["id"], a["image_id"], a["category_id"]});
  EXPECT_EQ(ids, (std::vector<std::array<int, 3>>{{1, 1, 1}, {2, 1, 2}, {3, 2, 1}, {4, 2, 3}}));
}

TEST(CocoJson, AnAnnotationIsMeasuredAndCompressed) {
  const json annotation = json::parse(coco_json(two_pictures()))["annotations"][0];
  const std::string text = rle_to_string(two_pictures()[0].masks[0].rle);
  EXPECT_EQ(annotation["segmentation"], (json{{"size", {3, 4}}, {"counts", text}}));
  EXPECT_EQ(annotation["area"], 4);
  EXPECT_EQ(annotation["bbox"], json({1, 1, 2, 2}));
  EXPECT_EQ(annotation["iscrowd"], 0);
  EXPECT_EQ(annotation["score"], 0.75);
}

TEST(CocoJson, PolygonsRunAlongPixelEdgesInThePicture) {
  const json data_set = json::parse(coco_json(two_pictures(), {.segmentation = CocoSegmentation::Polygons}));
  EXPECT_EQ(data_set["annotations"][0]["segmentation"], json::array({{3, 1, 3, 3, 1, 3, 1, 1}}));
}

TEST(CocoJson, AMaskThatPolygonsCannotSayStaysRle) {
  std::vector<PictureMasks> pictures = two_pictures();
  pictures[1].masks.push_back(record({".."}, "empty"));
  const json data_set = json::parse(coco_json(pictures, {.segmentation = CocoSegmentation::Polygons}));
  EXPECT_TRUE(data_set["annotations"][1]["segmentation"].is_object());  // it has a hole
  EXPECT_TRUE(data_set["annotations"][4]["segmentation"].is_object());  // it has no pixel
}

TEST(CocoJson, EveryPolygonHasAtLeastThreePoints) {
  std::vector<PictureMasks> pictures = {{"a.png", {30, 30}, {}}};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    pictures[0].masks.push_back(make_mask_record(rle_encode(testing::random_mask({30, 30}, 0.03, seed))));
  }
  const CocoOptions options{.segmentation = CocoSegmentation::Polygons, .tolerance_px = 3};
  const json data_set = json::parse(coco_json(pictures, options));
  std::size_t polygons = 0;
  for (const json& annotation : data_set["annotations"]) {
    if (annotation["segmentation"].is_object()) continue;
    for (const json& ring : annotation["segmentation"]) {
      EXPECT_GE(ring.size(), 6U);
      ++polygons;
    }
  }
  EXPECT_GT(polygons, 20U);
}

TEST(CocoJson, TextThatIsNotUtf8StillMakesAFile) {
  const std::vector<PictureMasks> pictures = {{"\xff\xfe.png", {1, 2}, {record({"##"}, "\xc3")}}};
  const json data_set = json::parse(coco_json(pictures));
  EXPECT_EQ(data_set["images"].size(), 1U);
}

TEST(CocoJson, NothingIsAnEmptyDataSet) {
  const json data_set = json::parse(coco_json({}));
  for (const char* part : {"licenses", "images", "annotations", "categories"}) {
    EXPECT_EQ(data_set[part], json::array()) << part;
  }
}

TEST(CocoJson, AMaskOfAnotherPictureIsABug) {
  const std::vector<PictureMasks> pictures = {{"a.png", {5, 5}, {record({"##"}, "")}}};
  EXPECT_THROW((void)coco_json(pictures), ContractError);
}

}  // namespace
}  // namespace facet::segment
