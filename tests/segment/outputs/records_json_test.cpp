#include "segment/outputs/records_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/masks.h"

namespace facet::segment {
namespace {

using nlohmann::json;

TEST(RecordsJson, IsTheListOfTheReference) {
  MaskRecord mask = make_mask_record(
      rle_encode(testing::drawn_mask({".....", ".....", ".###.", ".###.", ".###.", ".....", "....."})), 0.5F);
  mask.stability_score = 0.25F;
  mask.point = Point{2.5F, 3};
  mask.crop_box = BoxXywh{0, 0, 5, 7};
  const json expected = {{{"segmentation", {{"size", {7, 5}}, {"counts", "9340005"}}},
                          {"area", 9},
                          {"bbox", {1, 2, 2, 2}},  // from centre to centre
                          {"predicted_iou", 0.5},
                          {"point_coords", json::array({{2.5, 3.0}})},
                          {"stability_score", 0.25},
                          {"crop_box", {0, 0, 5, 7}}}};
  EXPECT_EQ(json::parse(records_json({"a.png", {7, 5}, {mask}})), expected);
}

TEST(RecordsJson, WhatIsNotKnownIsNotThere) {
  const MaskRecord mask = make_mask_record(rle_encode(testing::drawn_mask({"..", ".."})));
  const json records = json::parse(records_json({"", {2, 2}, {mask}}));
  EXPECT_EQ(records.at(0).size(), 4U);
  EXPECT_EQ(records.at(0).at("bbox"), json({0, 0, 0, 0}));
  EXPECT_EQ(records_json({"", {2, 2}, {}}), "[]");
}

}  // namespace
}  // namespace facet::segment
