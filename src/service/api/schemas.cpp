#include "service/api/schemas.h"

#include <nlohmann/json.hpp>

namespace facet::service {
namespace {

constexpr const char* kShapes = R"json({
"Coordinate": {"type": "number", "minimum": -1000000000, "maximum": 1000000000, "description": "pixels of the picture"},
"Point": {"type": "array", "items": {"$ref": "#/components/schemas/Coordinate"}, "minItems": 2, "maxItems": 2,
  "description": "[x, y], x to the right and y down"},
"Points": {"type": "array", "items": {"$ref": "#/components/schemas/Point"}, "maxItems": 1024},
"Label": {"type": "integer", "enum": [0, 1], "description": "1 on the object, 0 on the background"},
"Labels": {"type": "array", "items": {"$ref": "#/components/schemas/Label"}, "maxItems": 1024},
"Box": {"type": "array", "items": {"$ref": "#/components/schemas/Coordinate"}, "minItems": 4, "maxItems": 4,
  "description": "[x0, y0, x1, y1], top-left to bottom-right"},
"Boxes": {"type": "array", "items": {"$ref": "#/components/schemas/Box"}, "maxItems": 1024},
"BoxXywh": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4, "description": "[x, y, width, height]"},
"Rle": {"type": "object", "description": "COCO run lengths, column by column", "required": ["size", "counts"],
  "properties": {
    "size": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 1000000000}, "minItems": 2, "maxItems": 2,
      "description": "[height, width]"},
    "counts": {"anyOf": [{"type": "string", "description": "compressed"},
      {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}}]}}},
"Polygons": {"type": "object", "required": ["outer", "holes"], "description": "rings along the edges between pixels",
  "properties": {"outer": {"type": "array", "items": {"type": "array", "items": {"$ref": "#/components/schemas/Point"}}},
    "holes": {"type": "array", "items": {"type": "array", "items": {"$ref": "#/components/schemas/Point"}}}}},
"Base64": {"type": "string", "contentEncoding": "base64"},
"TimeoutMs": {"type": ["integer", "null"], "minimum": 1, "maximum": 86400000, "description": "give up after so many milliseconds"},
"ModelName": {"type": ["string", "null"], "maxLength": 256, "description": "a model or alias of GET /v1/models"}
})json";

constexpr const char* kErrors = R"json({
"Error": {"type": "object", "required": ["error", "detail", "request_id"],
  "properties": {
    "error": {"type": "object", "required": ["code", "message"],
      "properties": {"code": {"type": "string"}, "message": {"type": "string"}}},
    "detail": {"anyOf": [{"type": "string"},
      {"type": "array", "items": {"type": "object", "required": ["loc", "msg", "type"],
        "properties": {"loc": {"type": "array", "items": {"type": ["string", "integer"]}},
          "msg": {"type": "string"}, "type": {"type": "string"}}}}]},
    "request_id": {"type": "string"}}},
"InferError": {"type": "object", "required": ["error"],
  "properties": {"error": {"type": "string"}, "code": {"type": "string"}, "request_id": {"type": "string"}}},
"InstanceError": {"type": "object", "required": ["code", "message"],
  "properties": {"code": {"type": "string"}, "message": {"type": "string"}}}
})json";

constexpr const char* kTutorials = R"json({
"SegmentForm": {"type": "object", "required": ["file"],
  "properties": {
    "file": {"type": "string", "format": "binary", "contentMediaType": "image/*", "description": "JPEG, PNG or WebP"},
    "model_type": {"type": ["string", "null"], "maxLength": 256, "description": "a model or alias; vit_b, vit_l, vit_h and vit_t stand for what is served; see model_used"},
    "point_coords": {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Points"}, "description": "[[x, y], ...]"},
    "point_labels": {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Labels"}, "description": "[1, 0, ...]; 1 for all when absent"},
    "box": {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Box"}, "description": "[x0, y0, x1, y1]"},
    "multimask_output": {"type": "boolean", "description": "three masks, or the single one; true when absent"},
    "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}},
"SegmentFormAnswer": {"type": "object", "required": ["masks", "scores", "model_used"],
  "properties": {
    "masks": {"type": "array", "items": {"$ref": "#/components/schemas/Base64"}, "description": "PNG, 0 and 255"},
    "scores": {"type": "array", "items": {"type": "number"}},
    "model_used": {"type": "string"}}},
"SegmentRequest": {"type": "object", "required": ["image_base64"],
  "properties": {
    "image_base64": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"},
    "prompt_type": {"type": ["string", "null"], "enum": ["point", "box", "auto", null], "description": "what of the prompts counts; absent: those that are there"},
    "points": {"anyOf": [{"$ref": "#/components/schemas/Points"}, {"type": "null"}]},
    "labels": {"anyOf": [{"$ref": "#/components/schemas/Labels"}, {"type": "null"}]},
    "boxes": {"anyOf": [{"$ref": "#/components/schemas/Boxes"}, {"type": "null"}]},
    "confidence_threshold": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "masks with a lower score are left out"},
    "model": {"$ref": "#/components/schemas/ModelName"},
    "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}},
"SegmentAnswer": {"type": "object", "required": ["masks_base64", "scores", "num_masks", "inference_time_ms"],
  "properties": {
    "masks_base64": {"type": "array", "items": {"$ref": "#/components/schemas/Base64"}, "description": "PNG, 0 and 255"},
    "scores": {"type": "array", "items": {"type": "number"}},
    "num_masks": {"type": "integer"},
    "inference_time_ms": {"type": "number"}}},
"SegmentEither": {"anyOf": [{"$ref": "#/components/schemas/SegmentFormAnswer"}, {"$ref": "#/components/schemas/SegmentAnswer"}]},
"SegmentBatchForm": {"type": "object", "required": ["files"],
  "properties": {
    "files": {"type": "array", "items": {"type": "string", "format": "binary", "contentMediaType": "image/*"}},
    "model_type": {"type": ["string", "null"], "maxLength": 256},
    "point_coords": {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Points"}, "description": "for every picture"},
    "point_labels": {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Labels"}},
    "box": {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Box"}},
    "multimask_output": {"type": "boolean"},
    "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}},
"SegmentBatchAnswer": {"type": "object", "required": ["results", "model_used"],
  "properties": {
    "results": {"type": "array", "description": "one a file, in order", "items": {"type": "object", "required": ["file_name"],
      "properties": {
        "file_name": {"type": ["string", "null"]},
        "masks": {"type": "array", "items": {"$ref": "#/components/schemas/Base64"}},
        "scores": {"type": "array", "items": {"type": "number"}},
        "error": {"$ref": "#/components/schemas/InstanceError"}}}},
    "model_used": {"type": "string"}}}
})json";

constexpr const char* kImages = R"json({
"ImageForm": {"type": "object", "required": ["file"],
  "properties": {
    "file": {"type": "string", "format": "binary", "contentMediaType": "image/*"},
    "model": {"$ref": "#/components/schemas/ModelName"},
    "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}},
"ImageRequest": {"type": "object", "required": ["image_base64"],
  "properties": {
    "image_base64": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"},
    "model": {"$ref": "#/components/schemas/ModelName"},
    "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}},
"ImageAnswer": {"type": "object", "required": ["id", "width", "height", "etag", "model", "embedding"],
  "properties": {
    "id": {"type": "string", "description": "SHA-256 of the picture's bytes"},
    "width": {"type": "integer"}, "height": {"type": "integer"},
    "format": {"type": "string"},
    "etag": {"type": "string"},
    "model": {"type": "string"},
    "embedding": {"type": "string", "enum": ["memory", "store", "encoded", "joined"], "description": "where it came from"},
    "timings_ms": {"type": "object"}}},
"ImageInfo": {"type": "object", "required": ["id", "width", "height", "kept"],
  "properties": {
    "id": {"type": "string"}, "width": {"type": "integer"}, "height": {"type": "integer"}, "etag": {"type": "string"},
    "kept": {"type": "boolean", "description": "whether the picture can be encoded again"}}},
"ObjectPrompt": {"type": "object",
  "properties": {
    "points": {"anyOf": [{"$ref": "#/components/schemas/Points"}, {"type": "null"}]},
    "labels": {"anyOf": [{"$ref": "#/components/schemas/Labels"}, {"type": "null"}]},
    "box": {"anyOf": [{"$ref": "#/components/schemas/Box"}, {"type": "null"}]},
    "mask": {"anyOf": [{"$ref": "#/components/schemas/Rle"}, {"type": "null"}], "description": "a mask of the picture's size to start from"},
    "mask_logits": {"type": ["string", "null"], "contentEncoding": "base64", "description": "256 x 256 little-endian float32, as `logits` of an earlier answer"}}},
"MaskFormat": {"type": ["string", "null"], "enum": ["rle", "png", "polygons", "octet-stream", null]},
"MasksRequest": {"type": "object", "description": "many objects, or one whose prompts stand directly here",
  "properties": {
    "objects": {"type": "array", "items": {"$ref": "#/components/schemas/ObjectPrompt"}, "minItems": 1},
    "points": {"anyOf": [{"$ref": "#/components/schemas/Points"}, {"type": "null"}]},
    "labels": {"anyOf": [{"$ref": "#/components/schemas/Labels"}, {"type": "null"}]},
    "box": {"anyOf": [{"$ref": "#/components/schemas/Box"}, {"type": "null"}]},
    "mask": {"anyOf": [{"$ref": "#/components/schemas/Rle"}, {"type": "null"}]},
    "mask_logits": {"type": ["string", "null"], "contentEncoding": "base64"},
    "multimask": {"type": ["boolean", "null"], "description": "three masks an object, or one; absent: three when each prompt is one point"},
    "min_score": {"type": ["number", "null"], "description": "masks with a lower score are left out, but never the best"},
    "logits": {"type": ["boolean", "null"], "description": "also give the low-resolution logits"},
    "format": {"$ref": "#/components/schemas/MaskFormat"},
    "model": {"$ref": "#/components/schemas/ModelName"},
    "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}},
"Mask": {"type": "object", "required": ["score", "area", "bbox"],
  "properties": {
    "score": {"type": "number", "description": "predicted IoU"}, "area": {"type": "integer"}, "bbox": {"$ref": "#/components/schemas/BoxXywh"},
    "rle": {"$ref": "#/components/schemas/Rle"}, "png": {"$ref": "#/components/schemas/Base64"},
    "polygons": {"$ref": "#/components/schemas/Polygons"}, "logits": {"$ref": "#/components/schemas/Base64"}}},
"MasksAnswer": {"type": "object", "required": ["id", "width", "height", "model", "embedding", "objects"],
  "properties": {
    "id": {"type": "string"}, "width": {"type": "integer"}, "height": {"type": "integer"},
    "model": {"type": "string"},
    "embedding": {"type": "string", "enum": ["memory", "store", "encoded", "joined"]},
    "objects": {"type": "array", "description": "one a prompt, in order", "items": {"type": "object", "required": ["masks"],
      "properties": {"masks": {"type": "array", "items": {"$ref": "#/components/schemas/Mask"}},
        "below_min_score": {"type": "boolean"}}}},
    "timings_ms": {"type": "object"}}},
"EverythingRequest": {"type": "object",
  "properties": {
    "format": {"$ref": "#/components/schemas/MaskFormat"},
    "model": {"$ref": "#/components/schemas/ModelName"},
    "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}},
"EverythingAnswer": {"type": "object", "required": ["id", "width", "height", "model", "embedding", "masks"],
  "properties": {
    "id": {"type": "string"}, "width": {"type": "integer"}, "height": {"type": "integer"}, "model": {"type": "string"},
    "embedding": {"type": "string", "enum": ["memory", "store", "encoded", "joined"]},
    "masks": {"type": "array", "items": {"type": "object", "required": ["area", "bbox", "predicted_iou", "stability_score"],
      "properties": {"area": {"type": "integer"}, "bbox": {"$ref": "#/components/schemas/BoxXywh"},
        "predicted_iou": {"type": "number"}, "stability_score": {"type": "number"}, "rle": {"$ref": "#/components/schemas/Rle"},
        "png": {"$ref": "#/components/schemas/Base64"}, "polygons": {"$ref": "#/components/schemas/Polygons"}}}},
    "timings_ms": {"type": "object"}}},
"ModelList": {"type": "object", "required": ["models", "aliases"],
  "properties": {
    "models": {"type": "array", "items": {"$ref": "#/components/schemas/ModelStatus"}},
    "aliases": {"type": "object", "additionalProperties": {"type": "string"}}}},
"ModelStatus": {"type": "object", "required": ["name", "state", "serving"],
  "properties": {"name": {"type": "string"}, "precision": {"type": "string"}, "architecture": {"type": "string"},
    "state": {"type": "string", "enum": ["loading", "ready", "failed"]}, "serving": {"type": "boolean"},
    "generation": {"type": "integer"}, "error": {"type": "string"}}},
"LoadModelRequest": {"type": "object",
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 128, "description": "absent: all are loaded again"},
    "file": {"type": "string", "minLength": 1, "description": "absent: the file it came from"},
    "precision": {"type": "string"},
    "wait": {"type": "boolean", "description": "answer when the load has ended; true when absent"}}}
})json";

constexpr const char* kProtocols = R"json({
"Health": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}, "model_class": {"type": "string"}}},
"VertexRequest": {"type": "object", "required": ["instances"],
  "properties": {
    "instances": {"type": "array", "items": {"$ref": "#/components/schemas/VertexInstance"}},
    "parameters": {"type": ["object", "null"], "properties": {
      "model": {"$ref": "#/components/schemas/ModelName"},
      "multimask": {"type": ["boolean", "null"]},
      "return_logits": {"type": ["boolean", "null"]},
      "timeout_ms": {"$ref": "#/components/schemas/TimeoutMs"}}}}},
"VertexInstance": {"description": "{\"b64\"} or {\"image\": {\"b64\"}}, with point_coords or points, point_labels or labels, box, file_path; checked one by one, so that a bad one leaves its neighbours alone"},
"VertexInstanceFields": {"type": "object",
  "properties": {
    "b64": {"type": "string"},
    "image": {"anyOf": [{"type": "object", "required": ["b64"], "properties": {"b64": {"type": "string"}}}, {"type": "string"}]},
    "file_path": {"type": ["string", "null"]},
    "points": {"anyOf": [{"$ref": "#/components/schemas/Points"}, {"type": "null"}]},
    "point_coords": {"anyOf": [{"$ref": "#/components/schemas/Points"}, {"type": "null"}]},
    "labels": {"anyOf": [{"$ref": "#/components/schemas/Labels"}, {"type": "null"}]},
    "point_labels": {"anyOf": [{"$ref": "#/components/schemas/Labels"}, {"type": "null"}]},
    "box": {"anyOf": [{"$ref": "#/components/schemas/Box"}, {"type": "null"}]},
    "multimask": {"type": ["boolean", "null"]},
    "return_logits": {"type": ["boolean", "null"]}}},
"VertexAnswer": {"type": "object", "required": ["predictions"],
  "properties": {"predictions": {"type": "array", "description": "one an instance, in order", "items": {"type": "object",
    "properties": {"file_path": {"type": ["string", "null"]}, "masks": {"type": "array"}, "scores": {"type": "array", "items": {"type": "number"}},
      "logits": {"type": "array", "items": {"$ref": "#/components/schemas/Base64"}}, "error": {"$ref": "#/components/schemas/InstanceError"}}}}}},
"ServerMetadata": {"type": "object", "required": ["name", "version", "extensions"],
  "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "extensions": {"type": "array", "items": {"type": "string"}}}},
"Live": {"type": "object", "required": ["live"], "properties": {"live": {"type": "boolean"}}},
"Ready": {"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}, "name": {"type": "string"}}},
"TensorMetadata": {"type": "object", "required": ["name", "datatype", "shape"],
  "properties": {"name": {"type": "string"}, "datatype": {"type": "string"}, "shape": {"type": "array", "items": {"type": "integer"}}}},
"ModelMetadata": {"type": "object", "required": ["name", "platform", "inputs", "outputs"],
  "properties": {"name": {"type": "string"}, "versions": {"type": "array", "items": {"type": "string"}}, "platform": {"type": "string"},
    "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}},
    "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}}}},
"InferTensor": {"type": "object", "required": ["name", "shape", "datatype"],
  "properties": {
    "name": {"type": "string"},
    "shape": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 1000000000}, "maxItems": 8},
    "datatype": {"type": "string"},
    "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer", "minimum": 0}}},
    "data": {"type": "array", "description": "nested or flat, row-major"}}},
"InferRequest": {"type": "object", "required": ["inputs"],
  "properties": {
    "id": {"type": "string", "maxLength": 256},
    "parameters": {"type": "object", "properties": {"binary_data_output": {"type": "boolean"},
      "timeout": {"type": "integer", "minimum": 0, "description": "microseconds"}, "multimask": {"type": "boolean"}}},
    "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/InferTensor"}, "minItems": 1, "maxItems": 16},
    "outputs": {"type": "array", "maxItems": 16, "items": {"type": "object", "required": ["name"],
      "properties": {"name": {"type": "string"}, "parameters": {"type": "object", "properties": {"binary_data": {"type": "boolean"}}}}}}}},
"InferAnswer": {"type": "object", "required": ["model_name", "outputs"],
  "properties": {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "id": {"type": "string"},
    "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/InferTensor"}}}},
"LabelStudioSetup": {"type": "object",
  "properties": {"project": {"type": ["string", "integer", "null"]}, "schema": {"type": ["string", "object", "null"]},
    "hostname": {"type": ["string", "null"]}, "access_token": {"type": ["string", "null"]}, "extra_params": {}}},
"LabelStudioSetupAnswer": {"type": "object", "required": ["model_version"], "properties": {"model_version": {"type": "string"}}},
"LabelStudioRequest": {"type": "object", "required": ["tasks"],
  "properties": {
    "tasks": {"type": "array", "items": {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}}},
    "label_config": {"type": ["string", "null"]}, "model_version": {"type": ["string", "null"]}, "project": {"type": ["string", "integer", "null"]},
    "params": {"type": ["object", "null"], "properties": {"context": {"type": ["object", "null"],
      "properties": {"result": {"type": "array", "items": {"type": "object"}, "maxItems": 1024}}}}}}},
"LabelStudioAnswer": {"type": "object", "required": ["results"],
  "properties": {"results": {"type": "array", "items": {"type": "object", "required": ["result"],
    "properties": {"result": {"type": "array", "items": {"type": "object"}}, "score": {"type": "number"}, "model_version": {"type": "string"}}}}}}
})json";

// How everything is segmented where a request has no prompts; the names are the reference generator's.
constexpr const char* kAutomatic = R"json({
"points_per_side": {"type": "integer", "minimum": 1, "maximum": 128, "description": "without prompts: points of a grid; 32 when absent"},
"points_per_batch": {"type": "integer", "minimum": 1, "maximum": 256},
"pred_iou_thresh": {"type": "number"}, "stability_score_thresh": {"type": "number"},
"stability_score_offset": {"type": "number"}, "box_nms_thresh": {"type": "number"},
"crop_n_layers": {"type": "integer", "minimum": 0, "maximum": 3}, "crop_nms_thresh": {"type": "number"},
"crop_overlap_ratio": {"type": "number", "minimum": 0, "maximum": 0.9},
"crop_n_points_downscale_factor": {"type": "integer", "minimum": 1, "maximum": 8},
"min_mask_region_area": {"type": "integer", "minimum": 0, "maximum": 1000000000}
})json";

Json joined() {
  Json components = Json::object();
  for (const char* text : {kShapes, kErrors, kTutorials, kImages, kProtocols})
    components.update(Json::parse(text));
  const Json automatic = Json::parse(kAutomatic);
  for (const char* name :
       {"SegmentForm", "SegmentBatchForm", "SegmentRequest", "EverythingRequest", "VertexInstanceFields"})
    components[name]["properties"].update(automatic);
  components["VertexRequest"]["properties"]["parameters"]["properties"].update(automatic);
  return components;
}

}  // namespace

const Json& schema_components() {
  static const Json components = joined();
  return components;
}

}  // namespace facet::service
