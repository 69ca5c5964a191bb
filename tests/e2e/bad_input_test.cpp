#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"

namespace facet::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

std::string png_chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body +
         big_endian(static_cast<std::uint32_t>(crc));
}

/// A PNG file whose header declares `width` x `height` pixels, and that holds none.
std::string declared_png(std::uint32_t width, std::uint32_t height) {
  const std::string header = big_endian(width) + big_endian(height) + std::string("\x08\x02\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + png_chunk("IDAT", "") + png_chunk("IEND", "");
}

class BadInput : public ::testing::Test {
 protected:
  BadInput() { write_picture(folder_ / "cell.png"); }

  RunResult predict(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "predict");
    return run_facet(arguments, {.folder = folder_.path()});
  }
  /// The program ends with `status`, prints no result, and says `message`.
  void expect_refused(const RunResult& run, int status, const std::string& message) {
    EXPECT_EQ(run.status, status) << run.error;
    EXPECT_THAT(run.out, IsEmpty());
    EXPECT_THAT(run.error, HasSubstr(message));
  }
  TemporaryFolder folder_;
  const std::string model_ = "--model=" + tiny_model().string();
};

TEST_F(BadInput, PromptsThatDoNotFitAreThreeAndSayWhy) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "no prompt"},
      {{"--point", "161,60"}, "160 x 120 pixels"},
      {{"--point", "80,-1"}, "outside the picture"},
      {{"--point", "80,nan"}, "finite"},
      {{"--point", "80,60,2"}, "expected label 1 (object) or 0 (background)"},
      {{"--box", "10,10,10,50"}, "no area"},
      {{"--box", "50,10,10,50"}, "reversed"},
      {{"--box", "10,10,500,50"}, "160 x 120 pixels"},
      {{"--box", "10,10,inf,50"}, "finite"},
      {{"--mask", "missing.png"}, "missing.png"},
      {{"--mask", "cell.txt"}, "cell.txt"},
      {{"--mask", "other_size.png"}, "other_size.png"},
      {{"--prompts", "missing.json"}, "missing.json"},
      {{"--prompts", "counts.json"}, "2 points but 1 labels"},
      {{"--prompts", "outside.json"}, "prompt 1"},
  };
  write_file(folder_ / "cell.txt", "no mask");
  write_mask(folder_ / "other_size.png", {120, 161});
  write_file(folder_ / "counts.json", R"([{"points": [[1, 1], [2, 2]], "labels": [1]}])");
  write_file(folder_ / "outside.json", R"([{"points": [[1, 1]]}, {"points": [[1000, 1]]}])");
  for (const auto& [prompt, message] : cases) {
    SCOPED_TRACE(::testing::PrintToString(prompt));
    std::vector<std::string> line = {"cell.png", "--json"};
    line.insert(line.end(), prompt.begin(), prompt.end());
    expect_refused(predict(line), 3, message);  // no model is needed to say so
  }
}

TEST_F(BadInput, UsageErrorsAreTwo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--point", "80"}, "--point '80': expected X,Y"},
      {{"--point", "a,b"}, "--point 'a,b'"},
      {{"--box", "1,2,3"}, "--box '1,2,3': expected X0,Y0,X1,Y1"},
      {{"--point", "80,60", "--box", "1,1,9,9", "--box", "2,2,8,8"}, "--prompts"},
      {{"--point", "80,60", "--multimask", "--single"}, "excludes"},
      {{"--point", "80,60", "--min-score", "2"}, "--min-score 2"},
      {{"--point", "80,60", "--threads", "-1"}, "--threads -1"},
      {{"--point", "80,60", "--window", "9"}, "--window '9'"},
      {{"--point", "80,60", "--write", "gif"}, "'gif': expected"},
      {{"--point", "80,60", "--save-tensors", "t", "--min-score", "0.5"}, "leave out --min-score"},
      {{"--point", "80,60", "--bogus"}, "--bogus"},
  };
  for (const auto& [options, message] : cases) {
    SCOPED_TRACE(::testing::PrintToString(options));
    std::vector<std::string> line = {"cell.png"};
    line.insert(line.end(), options.begin(), options.end());
    expect_refused(predict(line), 2, message);
  }
}

TEST_F(BadInput, PicturesThatAreNoneAreThree) {
  const std::string whole = read_file(folder_ / "cell.png");
  write_file(folder_ / "empty.png", "");
  write_file(folder_ / "text.png", "no picture");
  write_file(folder_ / "truncated.png", whole.substr(0, whole.size() / 2));
  write_file(folder_ / "huge.png", declared_png(100'000, 100'000));
  fs::create_directory(folder_ / "folder.png");
  for (const char* name :
       {"empty.png", "text.png", "truncated.png", "huge.png", "folder.png", "missing.png"}) {
    SCOPED_TRACE(name);
    expect_refused(predict({name, "--point", "1,1", "--json"}), 3, name);
  }
  EXPECT_THAT(predict({"huge.png", "--point", "1,1"}).error, HasSubstr("100000"));
}

TEST_F(BadInput, APictureOfOnePixelIsThree) {
  write_picture(folder_ / "one.png", {1, 1});
  expect_refused(predict({"one.png", "--point", "0,0", "--json", model_}), 3, "1");
}

TEST_F(BadInput, ModelFilesThatAreNoneAreFour) {
  write_file(folder_ / "text.pt", "no model");
  const std::vector<std::string> models = {
      "text.pt",
      "missing.pt",
      "cell.png",
      testing::source_path("tests/io/data/hostile_os_system.pt").string(),
      testing::source_path("tests/io/data/hostile_shape_overflow.safetensors").string(),
      testing::source_path("tests/io/data/zip.pt").string()};
  for (const std::string& model : models) {
    SCOPED_TRACE(model);
    expect_refused(predict({"cell.png", "--point", "80,60", "--json", "--model", model}), 4,
                   fs::path(model).filename().string());
  }
}

TEST_F(BadInput, AModelThatIsNotPulledIsFourAndSaysHow) {
  expect_refused(predict({"cell.png", "--point", "80,60", "--model-dir", "models", "--json"}), 4,
                 "facet pull mobile_sam");
}

}  // namespace
}  // namespace facet::e2e
