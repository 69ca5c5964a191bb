#include "models/packed_cache.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "support/paths.h"
#include "support/tiny_sam.h"

namespace facet::models {
namespace {

namespace fs = std::filesystem;

class PackedCacheTest : public ::testing::Test {
 protected:
  PackedCacheTest() {
    testing::write_tiny_sam(checkpoint);
    expected = model_info(*load_model(checkpoint).value()).fingerprint;
  }

  void load(Precision precision = Precision::Fp32) const {
    const Result<ModelPtr> model = load_model(checkpoint, {.precision = precision, .packed_folder = cache});
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_EQ(model_info(**model).fingerprint, expected);
    EXPECT_EQ(model_info(**model).path, checkpoint);
  }
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    std::error_code error;
    for (const auto& file : fs::directory_iterator(cache, error)) all.push_back(file.path());
    return all;
  }
  [[nodiscard]] fs::path file(Precision precision = Precision::Fp32) const {
    return PackedCache(cache).file_of(checkpoint, precision).value();
  }

  testing::TemporaryFolder folder;
  const fs::path checkpoint = folder / "tiny.safetensors";
  const fs::path cache = folder / "packed";
  std::uint64_t expected = 0;
};

TEST_F(PackedCacheTest, TheSecondLoadReadsWhatTheFirstOneKept) {
  load();
  ASSERT_EQ(files(), std::vector<fs::path>{file()});
  const auto written = fs::last_write_time(file());
  load();
  EXPECT_EQ(fs::last_write_time(file()), written);
  load(Precision::Int8);
  EXPECT_EQ(files().size(), 2U);
}

TEST_F(PackedCacheTest, AnotherStateOfTheCheckpointReplacesTheOld) {
  load();
  const fs::path old = file();
  fs::last_write_time(checkpoint, fs::last_write_time(checkpoint) + std::chrono::seconds(5));
  load();
  EXPECT_NE(file(), old);
  EXPECT_EQ(files(), std::vector<fs::path>{file()});
}

TEST_F(PackedCacheTest, WhatCannotBeReadIsMadeAnew) {
  load();
  const auto whole = fs::file_size(file());
  fs::resize_file(file(), whole / 2);
  load();
  EXPECT_EQ(fs::file_size(file()), whole);
  std::ofstream(file(), std::ios::trunc) << "no model";
  load();
  EXPECT_EQ(fs::file_size(file()), whole);
}

TEST_F(PackedCacheTest, WhatCannotBeWrittenIsLeft) {
  std::ofstream(cache) << "a file where the folder should be";
  load();
  EXPECT_TRUE(fs::is_regular_file(cache));
}

TEST_F(PackedCacheTest, OldFilesBeyondTheMostAreRemoved) {
  fs::create_directories(cache);
  for (std::size_t i = 0; i < PackedCache::kMostFiles + 3; ++i) {
    const fs::path other = cache / ("other-" + std::to_string(i) + "-fp32-0.facet");
    std::ofstream(other) << "packed long ago";
    fs::last_write_time(other, fs::file_time_type::clock::now() - std::chrono::hours(100 - i));
  }
  load();
  EXPECT_EQ(files().size(), PackedCache::kMostFiles);
  EXPECT_TRUE(fs::exists(file()));
  EXPECT_FALSE(fs::exists(cache / "other-0-fp32-0.facet"));
}

TEST_F(PackedCacheTest, ManyMayLoadAtOnce) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([this] { load(); });
  threads.clear();
  EXPECT_EQ(files(), std::vector<fs::path>{file()});
}

TEST_F(PackedCacheTest, APackedModelIsOpenedAsItIs) {
  load();
  const Result<ModelPtr> model = load_model(file());
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model_info(**model).fingerprint, expected);
  EXPECT_EQ(load_model(file(), {.precision = Precision::Bf16}).status().code(), StatusCode::BadModel);
}

}  // namespace
}  // namespace facet::models
