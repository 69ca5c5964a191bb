#include "models/packed_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <string>

#include "models/kept_layers.h"
#include "models/sam_model.h"
#include "support/paths.h"
#include "support/synthetic_weights.h"
#include "support/tensors.h"
#include "support/tiny_sam.h"

namespace facet::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::random_tensor;
using testing::TemporaryFolder;
using testing::TinySam;

Result<ModelPtr> open_file(const std::filesystem::path& path, std::optional<Precision> precision) {
  Result<io::Checkpoint> file = io::Checkpoint::open(path);
  if (!file.ok()) return file.status();
  return open_packed_model(std::make_shared<const io::Checkpoint>(std::move(*file)), precision);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.empty() || b.empty()) return a.empty() == b.empty();
  return a.shape() == b.shape() && std::memcmp(a.view().raw(), b.view().raw(), a.size_bytes()) == 0;
}

void expect_same_work(const Model& a, const Model& b) {
  const Tensor image = random_tensor({1, a.image_size(), a.image_size(), 3}, 7);
  const Tensor sparse = random_tensor({1, 2, 256}, 8);
  ops::Context ctx_a(a.kernels, ThreadTeam(2));
  ops::Context ctx_b(b.kernels, ThreadTeam(2));
  const auto run = [&](const Model& model, ops::Context& ctx, ImageFeatures& features) {
    features = model.encode_picture(ctx, image);
    const std::int64_t positions = std::int64_t(model.grid()) * model.grid();
    return model.mask_decoder.forward(ctx, {.image = features.image.view().reshaped({1, positions, 256}),
                                            .sparse = sparse,
                                            .high_res0 = features.high_res0,
                                            .high_res1 = features.high_res1,
                                            .multimask = true});
  };
  ImageFeatures features_a, features_b;
  const MaskDecoder::Output masks_a = run(a, ctx_a, features_a);
  const MaskDecoder::Output masks_b = run(b, ctx_b, features_b);
  EXPECT_TRUE(same_bits(features_a.image, features_b.image));
  EXPECT_TRUE(same_bits(features_a.high_res0, features_b.high_res0));
  EXPECT_TRUE(same_bits(features_a.high_res1, features_b.high_res1));
  EXPECT_TRUE(same_bits(masks_a.masks, masks_b.masks));
  EXPECT_TRUE(same_bits(masks_a.scores, masks_b.scores));
}

void expect_round_trip(const io::WeightSource& source, Precision precision) {
  const TemporaryFolder folder;
  const ModelPtr plain = build_model(source, ops::cpu_kernels(precision)).value();
  const PackResult packed =
      pack_model(source, precision, kept_layers(source), folder / "model.facet").value();
  ASSERT_TRUE(packed.written.ok()) << packed.written.message();
  const Result<ModelPtr> opened = open_file(folder / "model.facet", precision);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const ModelInfo& expected = model_info(*plain);
  for (const ModelPtr& model : {packed.model, *opened}) {
    EXPECT_EQ(model_info(*model).architecture, expected.architecture);
    EXPECT_EQ(model_info(*model).precision, expected.precision);
    EXPECT_EQ(model_info(*model).fingerprint, expected.fingerprint);
    EXPECT_EQ(model_info(*model).parameters, expected.parameters);
    EXPECT_EQ(model_info(*model).kept_layers, expected.kept_layers);
  }
  ASSERT_EQ((*opened)->packed_layers.size(), plain->packed_layers.size());
  for (std::size_t i = 0; i < plain->packed_layers.size(); ++i) {
    EXPECT_EQ((*opened)->packed_layers[i].name, plain->packed_layers[i].name);
  }
  expect_same_work(**opened, *plain);
}

class PackedModelTest : public ::testing::TestWithParam<Precision> {};

TEST_P(PackedModelTest, ComputesWhatThePlainFileComputes) { expect_round_trip(TinySam(), GetParam()); }

TEST_P(PackedModelTest, MobileSamComputesWhatThePlainFileComputes) {
  FACET_REQUIRE_SHARED("goldens/shapes/mobile_sam.json");
  const auto shapes = testing::shared_path("goldens/shapes/mobile_sam.json");
  expect_round_trip(testing::SyntheticWeights(shapes, 1), GetParam());
}

TEST_P(PackedModelTest, Sam2ComputesWhatThePlainFileComputes) {
  FACET_REQUIRE_SHARED("goldens/shapes/sam2_tiny.json");
  const auto shapes = testing::shared_path("goldens/shapes/sam2_tiny.json");
  expect_round_trip(testing::SyntheticWeights(shapes, 1), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Precisions, PackedModelTest,
                         ::testing::Values(Precision::Fp32, Precision::Bf16, Precision::Int8),
                         [](const auto& test) { return std::string(precision_name(test.param)); });

/// TinySam whose file names a layer that stays in bfloat16.
class AnnotatedSam : public TinySam {
 public:
  [[nodiscard]] std::string note(const std::string& key) const override {
    return key == kKeptLayersKey ? "image_encoder.blocks.0.mlp.lin2" : "";
  }
};

TEST(PackedModel, LayersThatStayInBfloat16AreKeptSo) { expect_round_trip(AnnotatedSam(), Precision::Int8); }

TEST(PackedModel, LayersThatCalibrationFoundAreKeptSo) {
  const TemporaryFolder folder;
  const std::string layer = "image_encoder.blocks.0.mlp.lin2";
  const PackResult packed = pack_model(TinySam(), Precision::Int8, {layer}, folder / "model.facet").value();
  EXPECT_THAT(model_info(*packed.model).kept_layers, ElementsAre(layer));
  const ModelPtr opened = open_file(folder / "model.facet", Precision::Int8).value();
  EXPECT_THAT(model_info(*opened).kept_layers, ElementsAre(layer));
}

TEST(PackedModel, RunsInWhatItWasPackedInWhereNobodyAsksForMore) {
  const TemporaryFolder folder;
  for (const Precision packed : {Precision::Fp32, Precision::Bf16, Precision::Int8}) {
    ASSERT_TRUE(pack_model(TinySam(), packed, {}, folder / "model.facet")->written.ok());
    for (const std::optional<Precision> asked :
         {std::optional<Precision>(), std::optional(Precision::Auto)}) {
      const Result<ModelPtr> model = open_file(folder / "model.facet", asked);
      ASSERT_TRUE(model.ok()) << model.status().message();
      EXPECT_EQ(model_info(**model).precision, precision_name(packed));
    }
  }
}

class PackedFile : public ::testing::Test {
 protected:
  PackedFile() {
    std::ifstream file(path, std::ios::binary);
    std::uint64_t length = 0;
    file.read(reinterpret_cast<char*>(&length), sizeof length);
    header.resize(length);
    file.read(header.data(), std::streamsize(length));
  }

  void write_header(const std::string& text) const {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(sizeof(std::uint64_t));
    file.write(text.data(), std::streamsize(text.size()));
  }
  // The header with the first `from` after `after` changed into `to` of the same length.
  [[nodiscard]] std::string changed(const std::string& after, const std::string& from,
                                    const std::string& to) const {
    std::string text = header;
    const std::size_t place = text.find(from, text.find(after));
    EXPECT_NE(place, std::string::npos) << from;
    return place == std::string::npos ? text : text.replace(place, to.size(), to);
  }
  [[nodiscard]] std::string refusal(const std::string& text,
                                    std::optional<Precision> precision = Precision::Fp32) const {
    write_header(text);
    const Result<ModelPtr> model = open_file(path, precision);
    EXPECT_FALSE(model.ok());
    EXPECT_EQ(model.status().code(), StatusCode::BadModel);
    return model.ok() ? std::string() : model.status().message();
  }

  TemporaryFolder folder;
  const std::filesystem::path path = folder / "model.facet";
  PackResult packed = pack_model(TinySam(), Precision::Fp32, {}, path).value();
  std::string header;
};

TEST_F(PackedFile, IsRefusedForAnotherFormatMachineOrPrecision) {
  ASSERT_TRUE(open_file(path, Precision::Fp32).ok());
  EXPECT_THAT(refusal(changed("\"facet.packed\"", "2", "9")), HasSubstr("format '9', here it is '2'"));
  EXPECT_THAT(refusal(changed("\"facet.machine\"", "oneDNN", "oldDNN")),
              HasSubstr("packed for the machine 'oldDNN"));
  EXPECT_THAT(refusal(header, Precision::Int8), HasSubstr("precision 'fp32', here it is 'int8'"));
  EXPECT_THAT(refusal(changed("\"facet.precision\"", "fp32", "auto"), std::nullopt),
              HasSubstr("'auto', expected fp32, bf16 or int8"));
}

TEST_F(PackedFile, IsRefusedWhereALayoutIsAnother) {
  const bool panels = header.find("panels of 16 f32") != std::string::npos;  // without AVX-512
  const std::string message =
      refusal(panels ? changed("panels of", " 16 ", " 61 ") : changed("oneDNN f32", "strides ", "strides9"));
  EXPECT_THAT(message, HasSubstr("laid out as"));
  EXPECT_THAT(message, HasSubstr("expected"));
}

TEST_F(PackedFile, IsRefusedWhenItIsCutShort) {
  const std::size_t whole = std::filesystem::file_size(path);
  for (const std::size_t size : {whole - 1, whole - 64, whole / 2, std::size_t(100), std::size_t(7)}) {
    std::filesystem::resize_file(path, size);
    EXPECT_FALSE(open_file(path, Precision::Fp32).ok()) << size << " of " << whole << " bytes";
  }
}

// Any byte of the directory may be wrong: the file opens all the same, or is refused with a reason.
TEST_F(PackedFile, NoWrongByteOfTheHeaderDoesHarm) {
  std::mt19937 random(5);
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    std::string text = header;
    text[random() % text.size()] = "0123456789[]{},:\"ax "[random() % 20];
    write_header(text);
    const Result<ModelPtr> model = open_file(path, Precision::Fp32);
    if (model.ok()) continue;
    ++refused;
    EXPECT_EQ(model.status().code(), StatusCode::BadModel) << model.status().message();
  }
  EXPECT_GT(refused, 100);
}

TEST(PackedModel, FoldersThatCannotBeWrittenLeaveTheModelGood) {
  const PackResult packed = pack_model(TinySam(), Precision::Fp32, {}, "/no/such/folder/model.facet").value();
  EXPECT_EQ(packed.written.code(), StatusCode::OutputFailed);
  EXPECT_EQ(model_info(*packed.model).architecture.empty(), false);
}

}  // namespace
}  // namespace facet::models
