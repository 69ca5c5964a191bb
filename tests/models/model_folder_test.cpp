#include "models/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/paths.h"

namespace facet::models {
namespace {

namespace fs = std::filesystem;
using facet::testing::TemporaryFolder;
using ::testing::HasSubstr;

/// A file of the right size with a hole for content.
void make_file(const fs::path& path, std::int64_t size) {
  fs::create_directories(path.parent_path());
  std::ofstream(path).flush();
  fs::resize_file(path, static_cast<std::uintmax_t>(size));
}

TEST(ModelFolder, OptionGoesBeforeVariablesAndTheCacheComesLast) {
  const FolderVariables all{.facet_model_dir = "/models", .xdg_cache_home = "/cache", .home = "/home/me"};
  EXPECT_EQ(choose_model_folder("/option", all).value(), "/option");
  EXPECT_EQ(choose_model_folder("", all).value(), "/models");
  EXPECT_EQ(choose_model_folder("", {.xdg_cache_home = "/cache", .home = "/home/me"}).value(),
            "/cache/facet/models");
  EXPECT_EQ(choose_model_folder("", {.home = "/home/me"}).value(), "/home/me/.cache/facet/models");
}

TEST(ModelFolder, ARelativeCacheFolderDoesNotCount) {
  EXPECT_EQ(choose_model_folder("", {.xdg_cache_home = "cache", .home = "/home/me"}).value(),
            "/home/me/.cache/facet/models");
}

TEST(ModelFolder, NoPlaceAtAllIsAUsageError) {
  EXPECT_EQ(choose_model_folder("", {}).status().code(), StatusCode::Usage);
}

TEST(ModelFolder, ANameThatIsNotPulledSaysHowToPullIt) {
  const TemporaryFolder folder;
  const Status status = ModelFolder(folder.path()).resolve("vit_b").status();
  EXPECT_EQ(status.code(), StatusCode::BadModel);
  EXPECT_THAT(status.message(), HasSubstr("facet pull sam_vit_b"));
  EXPECT_THAT(status.message(), HasSubstr(folder.path().string()));
}

TEST(ModelFolder, FindsTheOfficialFileOnceItIsWhole) {
  const TemporaryFolder folder;
  const ModelFolder models(folder.path());
  const CatalogueEntry& model = *find_model("mobile_sam");
  make_file(folder / "mobile_sam.pt", model.file.size_bytes - 1);
  EXPECT_FALSE(models.find(model).has_value());
  make_file(folder / "mobile_sam.pt", model.file.size_bytes);
  EXPECT_EQ(models.resolve("mobile_sam").value(), folder / "mobile_sam.pt");
  EXPECT_EQ(models.resolve("default").value(), folder / "mobile_sam.pt");
}

TEST(ModelFolder, FindsTheFilesOfAPackageWhenAllAreThere) {
  const TemporaryFolder folder;
  const ModelFolder models(folder.path());
  const CatalogueEntry& model = *find_model("mobile_sam");
  make_file(folder / "mobile_sam/encoder.onnx", model.npm->files[0].size_bytes);
  EXPECT_FALSE(models.find(model).has_value());
  make_file(folder / "mobile_sam/sam.onnx", model.npm->files[1].size_bytes);
  EXPECT_EQ(models.resolve("mobile_sam").value(), folder / "mobile_sam");
}

TEST(ModelFolder, AnythingElseIsAFile) {
  const TemporaryFolder folder;
  std::ofstream(folder / "own.pt") << "x";
  const ModelFolder models("/nonexistent-folder");
  EXPECT_EQ(models.resolve((folder / "own.pt").string()).value(), folder / "own.pt");
  const Status status = models.resolve("no-such-file.pt").status();
  EXPECT_EQ(status.code(), StatusCode::BadModel);
  EXPECT_THAT(status.message(), HasSubstr("no-such-file.pt"));
  EXPECT_THAT(status.message(), HasSubstr("mobile_sam, sam_vit_b"));
}

TEST(ModelFolder, KnowsHowMuchOfADownloadHasArrived) {
  const TemporaryFolder folder;
  const ModelFolder models(folder.path());
  EXPECT_EQ(models.partial_bytes(*find_model("mobile_sam")), 0);
  make_file(folder / "mobile_sam.pt.partial", 77);
  EXPECT_EQ(models.partial_bytes(*find_model("mobile_sam")), 77);
}

}  // namespace
}  // namespace facet::models
