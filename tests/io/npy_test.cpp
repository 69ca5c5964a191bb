#include "io/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "io/atomic_file.h"
#include "support/paths.h"

namespace facet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string length(version == 1 ? 2 : 4, '\0');
  length[0] = static_cast<char>(header.size());
  return "\x93NUMPY" + std::string(1, version) + std::string(1, '\0') + length + header + data;
}

std::string header(const std::string& descr, const std::string& shape, const char* fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

Result<Tensor> parse(const std::string& file) {
  return parse_npy(std::span(reinterpret_cast<const std::uint8_t*>(file.data()), file.size()));
}

template <typename T>
std::string elements(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

TEST(Npy, ReadsEveryVersionOfTheFormat) {
  for (const char version : {'\1', '\2', '\3'}) {
    const Result<Tensor> tensor =
        parse(npy(header("<f4", "(2, 3)"), elements<float>({1, 2, 3, 4, 5, 6}), version));
    ASSERT_TRUE(tensor.ok()) << tensor.status().message();
    EXPECT_EQ(tensor->shape(), Shape({2, 3}));
    EXPECT_THAT(tensor->data<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  }
}

TEST(Npy, ReadsEveryElementType) {
  EXPECT_THAT(parse(npy(header("<f8", "(1,)"), elements<double>({0.1})))->data<double>(), ElementsAre(0.1));
  EXPECT_EQ(parse(npy(header("<f2", "(1,)"), elements<std::uint16_t>({0x3C00})))->dtype(), DType::Float16);
  EXPECT_THAT(parse(npy(header("|u1", "(2,)"), "\x01\xFF"))->data<std::uint8_t>(), ElementsAre(1, 255));
  EXPECT_THAT(parse(npy(header("|b1", "(2,)"), std::string("\0\1", 2)))->data<bool>(),
              ElementsAre(false, true));
  EXPECT_THAT(parse(npy(header("<i8", "()"), elements<std::int64_t>({-5})))->data<std::int64_t>(),
              ElementsAre(-5));
}

TEST(Npy, TurnsFortranOrderIntoCOrder) {
  const Result<Tensor> tensor =
      parse(npy(header("<i4", "(2, 3)", "True"), elements<std::int32_t>({1, 2, 3, 4, 5, 6})));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->data<std::int32_t>(), ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(Npy, ReadsAFileAndNamesItInErrors) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a.npy", npy(header("<f4", "(1,)"), elements<float>({7}))).ok());
  EXPECT_THAT(read_npy(folder / "a.npy")->data<float>(), ElementsAre(7));
  ASSERT_TRUE(write_file(folder / "b.npy", "no array").ok());
  EXPECT_THAT(read_npy(folder / "b.npy").status().message(),
              HasSubstr("b.npy: npy: the file does not begin"));
}

TEST(Npy, RefusesWhatItCannotRead) {
  const auto message = [](const std::string& file) { return parse(file).status().message(); };
  EXPECT_THAT(message(npy(header("|O", "(1,)"), "x")), HasSubstr("type |O, expected"));
  EXPECT_THAT(message(npy(header(">f4", "(1,)"), "xxxx")), HasSubstr("type >f4, expected little-endian"));
  EXPECT_THAT(message(npy("{'descr': [('a', '<f4')], }", "xxxx")), HasSubstr("type [('a'"));
  EXPECT_THAT(message(npy(header("<f4", "(2,)"), "xxxx")), HasSubstr("takes 8 bytes, the file holds 4"));
  EXPECT_THAT(message(npy(header("<f4", "(-1,)"), "xxxx")), HasSubstr("negative"));
  EXPECT_THAT(message(npy(header("<f4", "(99999999999999999999,)"), "")), HasSubstr("'shape' is not"));
  EXPECT_THAT(message(npy(header("<f4", "(4611686018427387904, 4611686018427387904)"), "")),
              HasSubstr("overflows"));
  EXPECT_THAT(message(npy(header("<f4", "(1, 1, 1, 1, 1, 1, 1)"), "xxxx")), HasSubstr("at most 6"));
  EXPECT_THAT(message(npy(header("<f4", "(1,)", "Maybe"), "xxxx")), HasSubstr("neither True nor False"));
}

TEST(Npy, SurvivesEveryCutAndEveryChangedByte) {
  const std::string whole = npy(header("<f4", "(2, 3)"), elements<float>({1, 2, 3, 4, 5, 6}));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse(whole.substr(0, size)).ok());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[i] = static_cast<char>(value);
      if (const Result<Tensor> tensor = parse(changed); tensor.ok()) {
        EXPECT_EQ(tensor->size_bytes(), 24U);
      }
    }
  }
}

}  // namespace
}  // namespace facet::io
