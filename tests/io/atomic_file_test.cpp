#include "io/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "support/paths.h"

namespace facet::io {
namespace {

using testing::TemporaryFolder;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::size_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TemporaryFolder folder;
  {
    Result<AtomicFile> file = AtomicFile::create(folder / "a.txt");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("half").ok());
    EXPECT_FALSE(std::filesystem::exists(folder / "a.txt"));
  }
  EXPECT_EQ(files_in(folder.path()), 0U);
}

TEST(AtomicFile, ReplacesTheOldFileInOneStep) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a.txt", "old").ok());
  Result<AtomicFile> file = AtomicFile::create(folder / "a.txt");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("new").ok());
  EXPECT_EQ(text_of(folder / "a.txt"), "old");
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(text_of(folder / "a.txt"), "new");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(AtomicFile, NamesTheFolderThatIsMissing) {
  const Status status = write_file("/nonexistent-folder/a.txt", "x");
  EXPECT_EQ(status.code(), StatusCode::OutputFailed);
  EXPECT_NE(status.message().find("/nonexistent-folder/a.txt"), std::string::npos);
}

TEST(AtomicFile, AWriteThatFailsLeavesNothing) {
  const TemporaryFolder folder;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};  // write() then fails as on a full disk
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const Status status = write_file(folder / "a.txt", std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), StatusCode::OutputFailed);
  EXPECT_EQ(files_in(folder.path()), 0U);
}

TEST(AtomicFile, AnInterruptRemovesPartialFiles) {
  const TemporaryFolder folder;
  Result<AtomicFile> file = AtomicFile::create(folder / "a.txt");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(files_in(folder.path()), 1U);
  remove_partial_files();
  EXPECT_EQ(files_in(folder.path()), 0U);
}

}  // namespace
}  // namespace facet::io
