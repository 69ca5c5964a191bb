#include "io/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/checkpoint_files.h"
#include "support/paths.h"

namespace facet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::source_path;
using testing::TemporaryFolder;

std::filesystem::path data_path(const std::string& name) { return source_path("tests/io/data/" + name); }

std::vector<float> floats(const Result<Tensor>& tensor) {
  EXPECT_TRUE(tensor.ok());
  const auto values = tensor->data<float>();
  return {values.begin(), values.end()};
}

class CheckpointContainer : public ::testing::TestWithParam<const char*> {};

TEST_P(CheckpointContainer, HoldsTheExpectedNamesShapesAndValues) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(data_path(GetParam()));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_TRUE(holds_expected_values(*checkpoint));
  EXPECT_EQ(checkpoint->size_bytes(), std::filesystem::file_size(data_path(GetParam())));
}

TEST_P(CheckpointContainer, IsRecognisedByItsContentWhateverItsName) {
  const TemporaryFolder folder;
  std::filesystem::copy_file(data_path(GetParam()), folder / "model.bin");
  const Result<Checkpoint> checkpoint = Checkpoint::open(folder / "model.bin");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_TRUE(holds_expected_values(*checkpoint));
}

TEST_P(CheckpointContainer, ReadsTheSameAgainAfterItsPagesWereReleased) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(data_path(GetParam()));
  ASSERT_TRUE(checkpoint.ok());
  for (const std::string& name : checkpoint->names()) checkpoint->release(name);
  checkpoint->release("no such tensor");
  EXPECT_TRUE(holds_expected_values(*checkpoint));
}

TEST_P(CheckpointContainer, StaysReadableWhenMoved) {
  Result<Checkpoint> mapped = Checkpoint::open(data_path(GetParam()));
  Result<Checkpoint> in_memory = Checkpoint::from_bytes(test_file(GetParam()), "memory");
  ASSERT_TRUE(mapped.ok() && in_memory.ok());
  const Checkpoint moved = std::move(*mapped);
  const Checkpoint moved_memory = std::move(*in_memory);
  EXPECT_TRUE(holds_expected_values(moved));
  EXPECT_TRUE(holds_expected_values(moved_memory));
}

INSTANTIATE_TEST_SUITE_P(Containers, CheckpointContainer, ::testing::ValuesIn(kContainers),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(Checkpoint, SaysWhichContainerItIs) {
  EXPECT_EQ(Checkpoint::open(data_path("zip.pt"))->container(), "PyTorch zip");
  EXPECT_EQ(Checkpoint::open(data_path("legacy.pt"))->container(), "PyTorch legacy");
  EXPECT_EQ(Checkpoint::open(data_path("plain.safetensors"))->container(), "safetensors");
}

TEST(Checkpoint, SaysUnderWhichKeyTheWeightsLie) {
  EXPECT_EQ(Checkpoint::open(data_path("zip.pt"))->nested_key(), "");
  EXPECT_EQ(Checkpoint::open(data_path("nested_model.pt"))->nested_key(), "model");
}

TEST(Checkpoint, ConvertsEveryElementTypeToFloat32) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(data_path("dtypes.pt"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const std::vector<float> exact = expected_values().at("a.weight");
  EXPECT_EQ(floats(checkpoint->read_float32("f64")), exact);
  const std::vector<float> half = floats(checkpoint->read_float32("half"));
  const std::vector<float> bfloat = floats(checkpoint->read_float32("bf16"));
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(half[i], exact[i], std::abs(exact[i]) * 0x1p-11);
    EXPECT_NEAR(bfloat[i], exact[i], std::abs(exact[i]) * 0x1p-8);
  }
  EXPECT_THAT(floats(checkpoint->read_float32("i64")), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(floats(checkpoint->read_float32("u8")), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(floats(checkpoint->read_float32("bool")), ElementsAre(1, 0));
}

TEST(Checkpoint, ReadsATensorInItsOwnType) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(data_path("dtypes.pt"));
  ASSERT_TRUE(checkpoint.ok());
  const Result<Tensor> integers = checkpoint->read("i64");
  ASSERT_TRUE(integers.ok());
  EXPECT_THAT(integers->data<std::int64_t>(), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(checkpoint->read("bf16")->dtype(), DType::BFloat16);
  EXPECT_EQ(checkpoint->read("half")->dtype(), DType::Float16);
  EXPECT_THAT(checkpoint->read("bool")->data<bool>(), ElementsAre(true, false));
}

TEST(Checkpoint, AppliesOffsetsAndStridesOfViews) {
  // All three are views of one storage that counts 0, 1 ... 23.
  const Result<Checkpoint> checkpoint = Checkpoint::open(data_path("views.pt"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_THAT(floats(checkpoint->read_float32("view")), ElementsAre(8, 9, 10, 14, 15, 16));
  EXPECT_EQ(checkpoint->shape("view"), Shape({2, 3}));
  const std::vector<float> transposed = floats(checkpoint->read_float32("transposed"));
  EXPECT_EQ(checkpoint->shape("transposed"), Shape({6, 4}));
  for (int i = 0; i < 24; ++i) EXPECT_EQ(transposed[i], i / 4 + i % 4 * 6);
  EXPECT_THAT(floats(checkpoint->read_float32("shared_storage")), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Checkpoint, NamesTheTensorThatIsNotThere) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(data_path("zip.pt"));
  ASSERT_TRUE(checkpoint.ok());
  const Status status = checkpoint->read_float32("b.weight").status();
  EXPECT_EQ(status.code(), StatusCode::BadModel);
  EXPECT_THAT(status.message(), HasSubstr("zip.pt"));
  EXPECT_THAT(status.message(), HasSubstr("'b.weight'"));
  EXPECT_EQ(checkpoint->shape("b.weight"), std::nullopt);
}

TEST(Checkpoint, NamesTheFileThatIsNotThereOrNoFile) {
  const TemporaryFolder folder;
  const Status missing = Checkpoint::open(folder / "missing.pt").status();
  EXPECT_EQ(missing.code(), StatusCode::BadModel);
  EXPECT_THAT(missing.message(), HasSubstr("missing.pt: No such file"));
  EXPECT_THAT(Checkpoint::open(folder.path()).status().message(), HasSubstr("not a regular file"));
}

TEST(Checkpoint, RefusesOtherKindsOfFiles) {
  for (const std::string text : {"P", "GIF89a, surely no model", "\x80\x02K\x01.", "PK\x05\x06"}) {
    const Status status = read_everything({text.begin(), text.end()});
    EXPECT_EQ(status.code(), StatusCode::BadModel) << text;
  }
}

struct Hostile {
  const char* file;
  std::vector<const char*> essence;
};

void PrintTo(const Hostile& hostile, std::ostream* stream) { *stream << hostile.file; }

class HostileFile : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileFile, IsRefusedWithItsReason) {
  const Status status = Checkpoint::open(data_path(GetParam().file)).status();
  EXPECT_EQ(status.code(), StatusCode::BadModel);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().file));
  for (const char* part : GetParam().essence) EXPECT_THAT(status.message(), HasSubstr(part));
  EXPECT_FALSE(std::filesystem::exists("facet_was_here"));  // what hostile_os_system.pt would leave
}

INSTANTIATE_TEST_SUITE_P(
    Files, HostileFile,
    ::testing::Values(
        Hostile{"hostile_deep_json.safetensors", {"nests 100000 levels deep, expected at most 4"}},
        Hostile{"hostile_empty.pt", {"the file is empty"}},
        Hostile{"hostile_eval.pt", {"'__builtin__.eval'", "byte 20", "nothing was executed"}},
        Hostile{"hostile_header_huge.safetensors", {"claims 1152921504606846976 bytes", "404 left"}},
        Hostile{"hostile_not_json.safetensors", {"not valid JSON at byte"}},
        Hostile{"hostile_offsets_outside.safetensors", {"'a'", "[8, 24] reach outside the data of 16 bytes"}},
        Hostile{"hostile_offsets_overlap.safetensors", {"'b'", "overlaps"}},
        Hostile{"hostile_os_system.pt", {"'posix.system'", "byte 20", "nothing was executed"}},
        Hostile{"hostile_shape_overflow.safetensors", {"'a'", "[4294967296, 4294967296, 4] overflows"}},
        Hostile{"hostile_truncated.pt", {"truncated"}}));

}  // namespace
}  // namespace facet::io
