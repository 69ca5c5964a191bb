#include "models/mobile_sam_onnx.h"

#include <span>
#include <utility>

#include "io/bad_model.h"

namespace facet::models {
namespace {

using io::bad_model;
using io::Checkpoint;
using io::GraphNode;
using io::TensorRecord;
using Weights = std::map<std::string, MobileSamOnnx::Weight, std::less<>>;

constexpr std::string_view kEncoder = "image_encoder.";
constexpr std::string_view kPromptEncoder = "prompt_encoder.";
constexpr std::string_view kMaskDecoder = "mask_decoder.";

/// How an initializer becomes the official tensor.
enum class Form {
  AsIs,
  Transposed,     // [in, out] -> [out, in]
  Channels,       // [C, 1, 1] -> [C]
  FirstRow,       // [heads, N, N] -> [heads, N]
  MaskEmbedding,  // [1, C, 1, 1] -> [1, C]
  JoinedTokens,   // [1, 5, C] -> [1, C] and [4, C]
};

/// An anonymous initializer of this form, as this input of this operation, is the parameter `suffix` of the
/// module in the node's path; where `whole_name` is set, it is that tensor.
struct NodeRule {
  std::string_view op_type;
  int input;  // -1: any
  Form form;
  std::string_view suffix;
  std::string_view whole_name;
};

constexpr NodeRule kRules[] = {
    {"Conv", 1, Form::AsIs, "weight", ""},
    {"Conv", 2, Form::AsIs, "bias", ""},
    {"ConvTranspose", 1, Form::AsIs, "weight", ""},
    {"ConvTranspose", 2, Form::AsIs, "bias", ""},
    {"MatMul", 1, Form::Transposed, "weight", ""},
    {"Mul", -1, Form::Channels, "weight", ""},
    {"Add", -1, Form::Channels, "bias", ""},
    {"Add", -1, Form::FirstRow, "attention_biases", ""},
    {"Mul", -1, Form::MaskEmbedding, "", "prompt_encoder.no_mask_embed.weight"},
    {"Expand", 0, Form::JoinedTokens, "", "mask_decoder.iou_token.weight"},
};

// One tensor of each part, to tell early which file is not what it should be.
struct Landmark {
  std::string_view name;
  std::string_view part;
};
constexpr Landmark kEncoderLandmarks[] = {
    {"image_encoder.patch_embed.seq.0.c.weight", "its first convolution"},
    {"image_encoder.layers.1.blocks.0.attn.attention_biases", "its attention biases"},
    {"image_encoder.neck.3.bias", "the last bias of its neck"}};
constexpr Landmark kDecoderLandmarks[] = {
    {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", "its position encoding"},
    {"prompt_encoder.no_mask_embed.weight", "the embedding of no mask"},
    {"mask_decoder.mask_tokens.weight", "its mask tokens"}};

bool fits(const TensorRecord& record, Form form) {
  const Shape& shape = record.shape;
  switch (form) {
    case Form::AsIs:
      return true;
    case Form::Transposed:
      return shape.rank() == 2;
    case Form::Channels:
      return shape.rank() == 3 && shape[1] == 1 && shape[2] == 1;
    case Form::FirstRow:
      return shape.rank() == 3 && shape[1] == shape[2] && shape[1] > 1;
    case Form::MaskEmbedding:
      return shape.rank() == 4 && shape[0] == 1 && shape[1] > 1 && shape[2] == 1 && shape[3] == 1;
    case Form::JoinedTokens:
      return shape.rank() == 3 && shape[0] == 1 && shape[1] == 5;
  }
  return false;
}

using Sizes = std::vector<std::int64_t>;

// A view of a contiguous record under another shape.
Result<TensorRecord> viewed(const TensorRecord& record, const Sizes& dims, const Sizes& strides,
                            std::int64_t offset = 0) {
  return io::view_storage({.dtype = record.dtype, .dims = dims, .strides = strides, .offset = offset},
                          record.storage);
}

Result<TensorRecord> in_official_shape(const TensorRecord& record, Form form) {
  const Shape& shape = record.shape;
  switch (form) {
    case Form::Transposed:
      return viewed(record, {shape[1], shape[0]}, {1, shape[1]});
    case Form::Channels:
      return viewed(record, {shape[0]}, {1});
    case Form::FirstRow:
      return viewed(record, {shape[0], shape[2]}, {shape[1] * shape[2], 1});
    case Form::MaskEmbedding:
    case Form::JoinedTokens:  // the first of the tokens
      return viewed(record, {1, shape[shape.rank() == 4 ? 1 : 2]}, {record.strides[1], 1});
    case Form::AsIs:
      break;
  }
  return record;
}

// "/neck/neck.1/Mul" -> "neck.1": the exporter writes the container of a numbered module twice.
std::string module_path(std::string_view node) {
  std::string path;
  while (node.starts_with('/')) {
    node.remove_prefix(1);
    const std::size_t slash = node.find('/');
    if (slash == std::string_view::npos) break;  // the operation itself
    const std::string_view part = node.substr(0, slash);
    node.remove_prefix(slash);
    const std::string_view next = node.substr(1);
    if (next.starts_with(part) && next.substr(part.size()).starts_with('.')) continue;
    path.append(part).append(".");
  }
  return path;
}

/// Walks over one graph and notes what its initializers are.
class Collector {
 public:
  Collector(const Checkpoint& file, bool is_encoder, Weights& weights)
      : file_(file), is_encoder_(is_encoder), weights_(weights) {}

  Status run() {
    for (const auto& [name, record] : file_.tensors()) {
      if (!is_anonymous(name)) FACET_RETURN_IF_ERROR(add(kept_name(name), name, record));
    }
    for (const GraphNode& node : file_.nodes()) FACET_RETURN_IF_ERROR(visit(node));
    return {};
  }

 private:
  // Constants are named after their node's path, which begins with a slash.
  static bool is_anonymous(std::string_view name) {
    return name.starts_with("onnx::") || name.starts_with('/');
  }

  [[nodiscard]] std::string kept_name(std::string_view name) const {
    if (is_encoder_) return std::string(kEncoder).append(name);
    constexpr std::string_view kWrapper = "model.";
    return std::string(name.starts_with(kWrapper) ? name.substr(kWrapper.size()) : name);
  }

  [[nodiscard]] std::string prefixed(const std::string& path) const {
    const bool of_prompts = path.starts_with("mask_downscaling.") || path.starts_with("pe_layer.");
    return std::string(is_encoder_ ? kEncoder : of_prompts ? kPromptEncoder : kMaskDecoder) + path;
  }

  Status visit(const GraphNode& node) {
    for (std::size_t input = 0; input < node.inputs.size(); ++input) {
      const auto tensor = file_.tensors().find(node.inputs[input]);
      if (tensor == file_.tensors().end() || !is_anonymous(tensor->first)) continue;
      for (const NodeRule& rule : kRules) {
        if (rule.op_type != node.op_type || (rule.input >= 0 && std::size_t(rule.input) != input)) continue;
        if (fits(tensor->second, rule.form)) {
          FACET_RETURN_IF_ERROR(apply(rule, node, tensor->first, tensor->second));
        }
      }
    }
    return {};
  }

  Status apply(const NodeRule& rule, const GraphNode& node, const std::string& initializer,
               const TensorRecord& record) {
    const std::string path = module_path(node.name);
    if (rule.whole_name.empty() && path.empty()) return {};  // arithmetic between modules
    const std::string name =
        rule.whole_name.empty() ? prefixed(path).append(rule.suffix) : std::string(rule.whole_name);
    FACET_ASSIGN_OR_RETURN(TensorRecord official, in_official_shape(record, rule.form));
    if (rule.form == Form::JoinedTokens) FACET_RETURN_IF_ERROR(add_mask_tokens(initializer, record));
    return add(name, initializer, std::move(official));
  }

  Status add_mask_tokens(const std::string& initializer, const TensorRecord& record) {
    const std::int64_t dim = record.shape[2];
    FACET_ASSIGN_OR_RETURN(TensorRecord tokens, viewed(record, {4, dim}, {dim, 1}, dim));
    return add("mask_decoder.mask_tokens.weight", initializer, std::move(tokens));
  }

  Status add(const std::string& name, const std::string& initializer, TensorRecord record) {
    const auto [entry, added] =
        weights_.emplace(name, MobileSamOnnx::Weight{&file_, initializer, std::move(record)});
    if (added || entry->second.initializer == initializer) return {};
    return bad_model("both '" + entry->second.initializer + "' and '" + initializer + "' look like " + name)
        .with_context(file_.describe());
  }

  const Checkpoint& file_;
  bool is_encoder_;
  Weights& weights_;
};

Status check_landmarks(const Weights& weights, std::span<const Landmark> landmarks, const Checkpoint& file,
                       const char* role) {
  for (const Landmark& landmark : landmarks) {
    if (weights.find(landmark.name) != weights.end()) continue;
    return bad_model("expected MobileSAM's " + std::string(role) + ", found no " +
                     std::string(landmark.part) + " (" + std::string(landmark.name) + ")")
        .with_context(file.describe());
  }
  return {};
}

Status check_onnx(const Checkpoint& file) {
  if (file.container() == "ONNX") return {};
  return bad_model("expected an ONNX model, found " + file.container()).with_context(file.describe());
}

}  // namespace

MobileSamOnnx::MobileSamOnnx(Checkpoint encoder, Checkpoint decoder)
    : encoder_(std::move(encoder)), decoder_(std::move(decoder)) {}

Result<std::unique_ptr<MobileSamOnnx>> MobileSamOnnx::open(const std::filesystem::path& encoder,
                                                           const std::filesystem::path& decoder) {
  FACET_ASSIGN_OR_RETURN(Checkpoint encoder_file, Checkpoint::open(encoder));
  FACET_ASSIGN_OR_RETURN(Checkpoint decoder_file, Checkpoint::open(decoder));
  return from_checkpoints(std::move(encoder_file), std::move(decoder_file));
}

Result<std::unique_ptr<MobileSamOnnx>> MobileSamOnnx::from_checkpoints(Checkpoint encoder,
                                                                       Checkpoint decoder) {
  FACET_RETURN_IF_ERROR(check_onnx(encoder));
  FACET_RETURN_IF_ERROR(check_onnx(decoder));
  // Not make_unique: the constructor is private.
  std::unique_ptr<MobileSamOnnx> source(new MobileSamOnnx(std::move(encoder), std::move(decoder)));
  FACET_RETURN_IF_ERROR(source->collect());
  return source;
}

Status MobileSamOnnx::collect() {
  FACET_RETURN_IF_ERROR(Collector(encoder_, true, weights_).run());
  FACET_RETURN_IF_ERROR(check_landmarks(weights_, kEncoderLandmarks, encoder_, "image encoder"));
  FACET_RETURN_IF_ERROR(Collector(decoder_, false, weights_).run());
  return check_landmarks(weights_, kDecoderLandmarks, decoder_, "prompt encoder and mask decoder");
}

std::string MobileSamOnnx::describe() const { return encoder_.describe() + " and " + decoder_.describe(); }

std::vector<std::string> MobileSamOnnx::names() const {
  std::vector<std::string> names;
  names.reserve(weights_.size());
  for (const auto& [name, weight] : weights_) names.push_back(name);
  return names;
}

std::optional<Shape> MobileSamOnnx::shape(std::string_view name) const {
  const auto found = weights_.find(name);
  return found == weights_.end() ? std::nullopt : std::optional(found->second.record.shape);
}

Result<Tensor> MobileSamOnnx::read_float32(std::string_view name) const {
  const auto found = weights_.find(name);
  if (found != weights_.end()) return io::copy_as_float32(found->second.record);
  return bad_model("there is no tensor '" + std::string(name) + "'").with_context(describe());
}

void MobileSamOnnx::release(std::string_view name) const {
  const auto found = weights_.find(name);
  if (found != weights_.end()) found->second.file->release(found->second.initializer);
}

}  // namespace facet::models
