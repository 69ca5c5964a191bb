#include "io/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "io/atomic_file.h"
#include "support/paths.h"

namespace facet::io {
namespace {

using testing::TemporaryFolder;

// This process's resident bytes that belong to files.
std::size_t resident_file_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::size_t kilobytes = 0;
    if (word == "RssFile:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

TEST(MappedFile, ShowsTheBytesAndOutlivesAMove) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a", "hello").ok());
  Result<MappedFile> opened = MappedFile::open(folder / "a");
  ASSERT_TRUE(opened.ok());
  MappedFile file = std::move(*opened);
  EXPECT_EQ(std::string(file.bytes().begin(), file.bytes().end()), "hello");
  EXPECT_TRUE(opened->bytes().empty());
}

TEST(MappedFile, OnceDetachedLivesWithoutItsFile) {
  const TemporaryFolder folder;
  const std::string text(20'000, 'a');
  ASSERT_TRUE(write_file(folder / "a", text).ok());
  MappedFile file = std::move(MappedFile::open(folder / "a")).value();
  const std::span<const std::uint8_t> before = file.bytes();
  ASSERT_TRUE(file.detach().ok());
  EXPECT_EQ(file.bytes().data(), before.data()) << "what was read from it points there";
  ASSERT_EQ(truncate((folder / "a").c_str(), 0), 0);
  file.release(file.bytes());
  const MappedFile moved = std::move(file);
  EXPECT_EQ(std::string(moved.bytes().begin(), moved.bytes().end()), text);
}

TEST(MappedFile, OfAnEmptyFileIsEmpty) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a", "").ok());
  const Result<MappedFile> file = MappedFile::open(folder / "a");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->bytes().empty());
  file->release(file->bytes());
}

TEST(MappedFile, ReleaseDropsResidentPagesAndTheyComeBack) {
  const TemporaryFolder folder;
  constexpr std::size_t kSize = std::size_t{64} << 20;
  ASSERT_TRUE(write_file(folder / "a", std::string(kSize, 'x')).ok());
  const Result<MappedFile> file = MappedFile::open(folder / "a");
  ASSERT_TRUE(file.ok());
  const auto bytes = file->bytes();
  const auto all_x = [&] { return std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 'x'; }); };
  const std::size_t before = resident_file_bytes();
  EXPECT_TRUE(all_x());
  const std::size_t read = resident_file_bytes();
  file->release(bytes.subspan(1, kSize - 2));
  const std::size_t released = resident_file_bytes();
  EXPECT_GT(read, before + kSize / 2);
  EXPECT_LT(released, before + kSize / 8);
  EXPECT_TRUE(all_x());
}

TEST(MappedFile, ReleaseLeavesOtherMemoryAlone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a", std::string(100000, 'x')).ok());
  const Result<MappedFile> file = MappedFile::open(folder / "a");
  ASSERT_TRUE(file.ok());
  std::vector<std::uint8_t> other(100000, 7);
  file->release(other);
  EXPECT_TRUE(std::all_of(other.begin(), other.end(), [](auto b) { return b == 7; }));
}

TEST(MappedFile, DoesNotWaitForANamedPipe) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  const Status status = MappedFile::open(folder / "pipe").status();
  EXPECT_EQ(status.code(), StatusCode::BadModel);
  EXPECT_NE(status.message().find("not a regular file"), std::string::npos);
}

}  // namespace
}  // namespace facet::io
