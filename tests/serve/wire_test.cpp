#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "service/http/base64.h"
#include "service/http/header_value.h"
#include "service/http/multipart.h"

namespace facet::service {
namespace {

using ::testing::HasSubstr;

std::string encoded(const std::string& text) {
  return base64_encode({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST(Base64, TheExamplesOfTheStandardGoBothWays) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(encoded(plain), text);
    EXPECT_EQ(base64_decode(text).value(), plain);
  }
}

TEST(Base64, EveryByteSurvives) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<char>(i * 7));
  for (std::size_t length = 0; length < bytes.size(); length += 13)
    EXPECT_EQ(base64_decode(encoded(bytes.substr(0, length))).value(), bytes.substr(0, length));
}

TEST(Base64, LineEndsTheOtherAlphabetAndMissingPaddingAreTaken) {
  EXPECT_EQ(base64_decode("Zm9v\r\nYmFy\n").value(), "foobar");
  EXPECT_EQ(base64_decode("Zg").value(), "f");
  EXPECT_EQ(base64_decode("-_-_").value(), base64_decode("+/+/").value());
}

TEST(Base64, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_THAT(base64_decode("Zm9v!").status().message(), HasSubstr("character 4"));
  EXPECT_FALSE(base64_decode("Zm9vY").ok());
  EXPECT_FALSE(base64_decode("Zg=").ok());
  EXPECT_FALSE(base64_decode("Zg===").ok());
  EXPECT_FALSE(base64_decode("====").ok());
  EXPECT_FALSE(base64_decode("Zg==Zg==").ok());
}

/// The parts of a body that arrives in pieces of `step` bytes.
Result<std::vector<FormPart>> parse(const std::string& body, std::size_t step, MultipartLimits limits = {}) {
  MultipartParser parser("b", limits);
  for (std::size_t at = 0; at < body.size(); at += step)
    FACET_RETURN_IF_ERROR(parser.feed(std::string_view(body).substr(at, step)));
  FACET_RETURN_IF_ERROR(parser.finish());
  return std::move(parser).take_parts();
}

TEST(Multipart, PiecesOfAnySizeGiveTheSameParts) {
  const std::string data =
      "line\r\n--not the boundary\r\n-\r\n--\r\n\r\n--" + std::string("\0\xff", 2) + "\r\n--c";
  const std::string body =
      "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: "
      "image/png\r\n\r\n" +
      data + "\r\n--b  \r\ncontent-disposition: form-data; name=plain\r\n\r\n\r\n--b--\r\nepilogue --b--";
  for (const std::size_t step : {1UL, 2UL, 3UL, 7UL, 64UL, 100'000UL}) {
    const auto parts = parse(body, step);
    ASSERT_TRUE(parts.ok()) << parts.status().message();
    ASSERT_EQ(parts->size(), 2U);
    EXPECT_EQ((*parts)[0].name, "file");
    EXPECT_EQ((*parts)[0].file_name, "a.png");
    EXPECT_EQ((*parts)[0].content_type, "image/png");
    EXPECT_EQ((*parts)[0].data, data);
    EXPECT_EQ((*parts)[1].name, "plain");
    EXPECT_FALSE((*parts)[1].file_name.has_value());
    EXPECT_EQ((*parts)[1].data, "");
  }
}

TEST(Multipart, NamesAreReadAsBrowsersWriteThem) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(filename="a b.png")", "a b.png"},
      {R"(filename="a%22b%0D%0A.png")", "a\"b\r\n.png"},
      {R"(filename="a\"b.png")", "a\"b.png"},
      {R"(filename="C:\dir\a.png")", R"(C:\dir\a.png)"},
      {R"(filename="x.png"; filename*=UTF-8''%E2%82%AC.png)", "\xE2\x82\xAC.png"},
      {R"(filename=plain.png)", "plain.png"},
      {R"(filename="a;b=c.png")", "a;b=c.png"},
      {R"(filename="")", ""},
  };
  for (const auto& [parameter, name] : cases) {
    const auto parts =
        parse("--b\r\nContent-Disposition: form-data; name=\"file\"; " + parameter + "\r\n\r\nx\r\n--b--", 5);
    ASSERT_TRUE(parts.ok()) << parts.status().message();
    EXPECT_EQ((*parts)[0].file_name, name);
  }
}

TEST(Multipart, TruncatedAtAnyByteItIsRefused) {
  const std::string body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ndata\r\n--b--";
  for (std::size_t length = 0; length < body.size(); ++length)
    EXPECT_FALSE(parse(body.substr(0, length), 3).ok()) << length;
  EXPECT_TRUE(parse(body, 3).ok());
}

TEST(Multipart, LimitsHoldForFieldsPartsAndHeaders) {
  const MultipartLimits limits{.max_parts = 2, .max_head_bytes = 100, .max_field_bytes = 10};
  const auto field = [](const std::string& data, const std::string& more = "") {
    return "--b\r\nContent-Disposition: form-data; name=\"a\"" + more + "\r\n\r\n" + data + "\r\n";
  };
  EXPECT_TRUE(parse(field("0123456789") + "--b--", 4, limits).ok());
  EXPECT_THAT(parse(field("0123456789x") + "--b--", 4, limits).status().message(), HasSubstr("part 1"));
  EXPECT_TRUE(parse(field(std::string(5000, 'x'), "; filename=\"f\"") + "--b--", 4, limits).ok())
      << "files have the body's limit";
  EXPECT_THAT(parse(field("") + field("") + field("") + "--b--", 4, limits).status().message(),
              HasSubstr("more than 2 parts"));
  EXPECT_FALSE(parse(field("", "; x=\"" + std::string(100, 'y') + "\"") + "--b--", 4, limits).ok());
}

TEST(HeaderValue, ParametersOfAnyFormAreRead) {
  const HeaderValue header = parse_header_value("Multipart/Form-Data ; Boundary=\"a b\" ;x = 1; y; z=\"un");
  EXPECT_EQ(header.value, "multipart/form-data");
  EXPECT_EQ(header.parameters.at("boundary"), "a b");
  EXPECT_EQ(header.parameters.at("x"), "1");
  EXPECT_EQ(header.parameters.at("z"), "un");
  EXPECT_EQ(percent_decoded("%41%zz%4"), "A%zz%4");
}

}  // namespace
}  // namespace facet::service
