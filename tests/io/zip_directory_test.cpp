#include "io/zip_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace facet::io {
namespace {

using ::testing::HasSubstr;

template <typename T>
std::string number(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

struct Options {
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  bool zip64 = false;
  std::uint32_t entries = 1;
  std::uint32_t claimed_offset = 0;
};

// An archive of one entry "folder/a" with "content", listed once or more often.
std::string archive(const Options& options = {}) {
  const std::string name = "folder/a";
  const std::string content = "content";
  const auto size = static_cast<std::uint32_t>(content.size());
  const std::uint32_t size32 = options.zip64 ? 0xFFFFFFFF : size;
  const std::string sizes64 =
      number<std::uint64_t>(size) + number<std::uint64_t>(size) + number<std::uint64_t>(0);
  const std::string extra =
      options.zip64 ? number<std::uint16_t>(1) + number<std::uint16_t>(24) + sizes64 : std::string();
  const std::string middle = number<std::uint16_t>(options.flags) + number<std::uint16_t>(options.method) +
                             number<std::uint32_t>(0) + number<std::uint32_t>(0) + number(size32) +
                             number(size32) + number<std::uint16_t>(8);
  std::string zip =
      "PK\x03\x04" + number<std::uint16_t>(20) + middle + number<std::uint16_t>(3) + name + "pad" + content;
  const std::uint64_t directory = zip.size();
  for (std::uint32_t i = 0; i < options.entries; ++i) {
    zip += "PK\x01\x02" + number<std::uint32_t>(0) + middle +
           number(static_cast<std::uint16_t>(extra.size())) + std::string(10, '\0') +
           number(options.zip64 ? 0xFFFFFFFF : options.claimed_offset) + name + extra;
  }
  const std::uint64_t length = zip.size() - directory;
  const std::uint64_t end64 = zip.size();
  if (options.zip64) {
    zip +=
        "PK\x06\x06" + std::string(28, '\0') + number<std::uint64_t>(1) + number(length) + number(directory);
    zip += "PK\x06\x07" + number<std::uint32_t>(0) + number(end64) + number<std::uint32_t>(1);
  }
  const auto count = static_cast<std::uint16_t>(options.zip64 ? 0xFFFF : options.entries);
  const auto length32 = static_cast<std::uint32_t>(options.zip64 ? 0xFFFFFFFF : length);
  const auto offset32 = static_cast<std::uint32_t>(options.zip64 ? 0xFFFFFFFF : directory);
  return zip + "PK\x05\x06" + number<std::uint32_t>(0) + number(count) + number(count) + number(length32) +
         number(offset32) + number<std::uint16_t>(0);
}

Result<ZipDirectory> read(const std::string& zip) {
  return ZipDirectory::read(std::span(reinterpret_cast<const std::uint8_t*>(zip.data()), zip.size()));
}

std::string open_text(const std::string& zip) {
  const Result<ZipDirectory> directory = read(zip);
  if (!directory.ok()) return directory.status().message();
  const auto bytes = directory->open("folder/a");
  return bytes.ok() ? std::string(bytes->begin(), bytes->end()) : bytes.status().message();
}

TEST(ZipDirectory, FindsTheBytesOfAStoredEntry) {
  const std::string zip = archive();
  EXPECT_EQ(open_text(zip), "content");
  const Result<ZipDirectory> directory = read(zip);
  EXPECT_TRUE(directory->contains("folder/a"));
  EXPECT_EQ(directory->find_suffix("a"), "folder/a");
  EXPECT_EQ(directory->find_suffix("older/a"), "");
  EXPECT_THAT(directory->open("b").status().message(), HasSubstr("'b' is missing"));
}

TEST(ZipDirectory, ReadsZip64) { EXPECT_EQ(open_text(archive({.zip64 = true})), "content"); }

TEST(ZipDirectory, FindsTheEndBeforeAComment) {
  std::string zip = archive();
  zip[zip.size() - 2] = 5;
  EXPECT_EQ(open_text(zip + "hello"), "content");
}

TEST(ZipDirectory, RefusesCompressedAndEncryptedEntries) {
  EXPECT_THAT(open_text(archive({.method = 8})), HasSubstr("'folder/a' is compressed (method 8)"));
  EXPECT_THAT(open_text(archive({.flags = 1})), HasSubstr("'folder/a' is encrypted"));
}

TEST(ZipDirectory, RefusesTwoEntriesOfOneName) {
  EXPECT_THAT(open_text(archive({.entries = 2})), HasSubstr("two entries are named 'folder/a'"));
}

TEST(ZipDirectory, RefusesAnEntryThatLiesElsewhere) {
  EXPECT_THAT(open_text(archive({.claimed_offset = 7})), HasSubstr("no header at byte 7"));
  EXPECT_THAT(open_text(archive({.claimed_offset = 70000})), HasSubstr("outside the file"));
}

TEST(ZipDirectory, SurvivesEveryCutAndEveryChangedByte) {
  for (const bool zip64 : {false, true}) {
    const std::string whole = archive({.zip64 = zip64});
    for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(read(whole.substr(0, size)).ok());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      for (const char value : {'\0', '\x01', '\x7F', '\xFF'}) {
        std::string changed = whole;
        changed[i] = value;
        open_text(changed);
      }
    }
  }
}

}  // namespace
}  // namespace facet::io
