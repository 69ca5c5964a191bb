#include "facet/picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "io/picture_writer.h"
#include "io/sample_pictures.h"
#include "support/paths.h"

namespace facet {
namespace {

using testing::Bytes;
using testing::sample_image;
using testing::shared_path;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// One line of the manifest of real files; its fields may be quoted.
struct ManifestRow {
  std::string file;
  std::string expect;
  std::string size_wxh;  ///< as stored, before orientation
  int pages = 0;
};

std::vector<std::string> csv_fields(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::vector<ManifestRow> read_manifest() {
  std::ifstream stream(shared_path("data/formats/manifest.csv"));
  std::vector<ManifestRow> rows;
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line)) {
    const std::vector<std::string> fields = csv_fields(line);
    rows.push_back({fields[0], fields[3], fields[4], std::atoi(fields[6].c_str())});
  }
  return rows;
}

std::string stored_size(const Picture& picture) {
  const bool exchanged = picture.source.orientation >= 5;
  const int width = exchanged ? picture.image.height() : picture.image.width();
  const int height = exchanged ? picture.image.width() : picture.image.height();
  return std::to_string(width) + "x" + std::to_string(height);
}

TEST(ReadPicture, DoesWithEveryRealFileWhatTheManifestExpects) {
  FACET_REQUIRE_SHARED("data/formats/manifest.csv");
  const std::vector<ManifestRow> rows = read_manifest();
  ASSERT_EQ(rows.size(), 42U);
  for (const ManifestRow& row : rows) {
    const Result<Picture> picture = read_picture(shared_path("data/formats/" + row.file));
    if (row.expect != "decode-or-refuse") {
      EXPECT_EQ(picture.ok(), row.expect == "decode") << row.file << ": " << picture.status().message();
    }
    if (!picture.ok()) {
      EXPECT_EQ(picture.status().code(), StatusCode::BadPicture);
      EXPECT_TRUE(contains(picture.status().message(), row.file)) << picture.status().message();
      continue;
    }
    if (!row.size_wxh.empty()) {
      EXPECT_EQ(stored_size(*picture), row.size_wxh) << row.file;
      EXPECT_EQ(picture->source.pages, row.pages) << row.file;
    }
  }
}

struct KnownPixels {
  const char* file;
  std::uint64_t hash;  // FNV-1a of the upright picture's convert("RGB") by Pillow 9.4
};

constexpr KnownPixels kKnownPixels[] = {
    {"BigTIFF.tif", 0x1282d229dc5f35edULL},
    {"basn0g01.png", 0x16a22971f6e37aa3ULL},
    {"basn3p08.png", 0x028ba631a921e8c5ULL},
    {"tbbn3p08.png", 0x3ff181111e016217ULL},
    {"cmyk-3c-8b.tiff", 0x0b299ee566860693ULL},
    {"g4_orientation_6.tif", 0x3a18153a6d3b4ccdULL},
    {"hopper_orientation_6.webp", 0xad9e17a575351275ULL},
    {"lossless_simple.webp", 0xee7d6c8c5d1be42fULL},
    {"lossy_simple-rgb.webp", 0xa9ec428ab66c577aULL},
    {"micro_nasa_sem_rgba.tif", 0x641df65a5e1cc491ULL},
    {"multipage.tiff", 0xf21c57b1f84ca515ULL},
    {"palette-1c-8b.tiff", 0x3ca4a9a95c2febadULL},
    {"pil_sample_cmyk.jpg", 0x9b92ebfd81ed41bcULL},
    {"planar-rgb-u8.tif", 0xee971770aaf280f5ULL},
    {"progressive_cat.jpg", 0xd93f8eac7bb5f5e1ULL},
    {"tiff_tiled_cmyk_jpeg.tif", 0x80a296ded3ff63d1ULL},
    {"tiled-gray-i1.tif", 0x1caa783e9c3c5ad9ULL},
    {"tiled-jpeg-rgb-u8.tif", 0x7e58eaf9bc5be283ULL},
    {"exif_portrait_5.jpg", 0x92820d9156ebc076ULL},
    {"micro_idr_esteban_e39.png", 0x7e0d012c6c34fc32ULL},
};

TEST(ReadPicture, EqualsPillowBitForBitOnEightBitFiles) {
  FACET_REQUIRE_SHARED("data/formats/manifest.csv");
  for (const KnownPixels& known : kKnownPixels) {
    const Result<Picture> picture = read_picture(shared_path(std::string("data/formats/") + known.file));
    ASSERT_TRUE(picture.ok()) << picture.status().message();
    EXPECT_EQ(testing::fnv1a(picture->image.rgb()), known.hash) << known.file;
  }
}

TEST(ReadPicture, SaysWhatAMicroscopesFileHeldAndHowItWasWindowed) {
  FACET_REQUIRE_SHARED("data/formats/micro_stardist_img2d.tif");
  const Result<Picture> picture = read_picture(shared_path("data/formats/micro_stardist_img2d.tif"));
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture->source.format, "tiff");
  EXPECT_EQ(picture->source.bits_per_sample, 16);
  EXPECT_EQ(picture->source.window, (SampleWindow{4, 214}));  // numpy.percentile(samples, [0.1, 99.9])
  EXPECT_EQ(picture->image.pixel(100, 100)[0], int((23 - 4) * 255.0 / 210 + 0.5));
}

TEST(ReadPicture, ShowsThePageThatIsAskedFor) {
  FACET_REQUIRE_SHARED("data/formats/ome_multi_channel_z_series.ome.tif");
  const auto path = shared_path("data/formats/ome_multi_channel_z_series.ome.tif");
  const Result<Picture> first = read_picture(path);
  const Result<Picture> last = read_picture(path, {.page = 14});
  ASSERT_TRUE(first.ok() && last.ok());
  EXPECT_EQ(first->source.sample_kind, SampleKind::Int);
  EXPECT_EQ(last->source.pages, 15);
  EXPECT_NE(testing::fnv1a(first->image.rgb()), testing::fnv1a(last->image.rgb()));
  EXPECT_EQ(read_picture(path, {.page = 15}).status().code(), StatusCode::Usage);
}

Bytes encoded(const char* format, const Image& image) {
  if (format == std::string("jpeg")) return testing::jpeg_of(image);
  if (format == std::string("progressive")) return testing::jpeg_of(image, {.progressive = true});
  if (format == std::string("png")) return *io::encode_png(image);
  if (format == std::string("webp")) return testing::webp_of(image);
  const Bytes rows(image.rgb().begin(), image.rgb().end());
  return testing::tiff_of({.size = image.size(), .channels = 3, .photometric = 2, .compression = 5}, rows);
}

class EveryFormat : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryFormat, DecodesASinglePixel) {
  const Result<Picture> picture = decode_picture(encoded(GetParam(), sample_image({1, 1})));
  ASSERT_TRUE(picture.ok()) << picture.status().message();
  EXPECT_EQ(picture->image.size(), (Size{1, 1}));
  EXPECT_EQ(picture->source.channels, 3);
}

TEST_P(EveryFormat, IsRefusedWhereverItIsTruncated) {
  const Bytes bytes = encoded(GetParam(), sample_image({23, 17}));
  const Result<Picture> whole = decode_picture(bytes);
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A copy of its own size, so that a read beyond the end is seen by AddressSanitizer.
    const Bytes cut(bytes.begin(), bytes.begin() + std::ptrdiff_t(size));
    const Result<Picture> picture = decode_picture(cut);
    if (picture.ok()) {
      // A TIFF is whole when what was cut off holds nothing of the picture.
      EXPECT_STREQ(GetParam(), "tiff") << size << " of " << bytes.size() << " bytes";
      EXPECT_TRUE(std::ranges::equal(picture->image.rgb(), whole->image.rgb())) << size;
    } else {
      EXPECT_EQ(picture.status().code(), StatusCode::BadPicture) << picture.status().message();
    }
  }
}

TEST_P(EveryFormat, SurvivesADamagedByteAnywhere) {
  const Bytes bytes = encoded(GetParam(), sample_image({23, 17}));
  const ReadOptions options{.max_pixels = 1 << 20};
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      Bytes damaged = bytes;
      damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ flip);
      const Result<Picture> picture = decode_picture(damaged, options);
      EXPECT_EQ(picture.ok() ? picture->image.empty() : picture.status().message().empty(), false) << at;
    }
  }
}

TEST_P(EveryFormat, IsRefusedBeyondThePixelAndByteLimits) {
  const Bytes bytes = encoded(GetParam(), sample_image({20, 30}));
  EXPECT_TRUE(decode_picture(bytes, {.max_pixels = 600}).ok());
  const Status pixels = decode_picture(bytes, {.max_pixels = 599}).status();
  EXPECT_EQ(pixels.code(), StatusCode::BadPicture);
  EXPECT_TRUE(contains(pixels.message(), "30 x 20 pixels")) << pixels.message();
  EXPECT_TRUE(contains(pixels.message(), "599")) << pixels.message();
  EXPECT_EQ(decode_picture(bytes, {.max_bytes = 1000}).status().code(), StatusCode::BadPicture);
}

TEST_P(EveryFormat, IsReadOnlyWhereItsMemoryIsGranted) {
  const Bytes bytes = encoded(GetParam(), sample_image({20, 30}));
  std::int64_t asked = 0;
  ReadOptions options{.reserve = [&asked](std::int64_t needed) {
    asked = std::max(asked, needed);
    return Status();
  }};
  EXPECT_TRUE(decode_picture(bytes, options).ok());
  EXPECT_GE(asked, 20 * 30 * 3);
  options.reserve = [](std::int64_t) { return Status(StatusCode::Unavailable, "no room"); };
  const Status refused = decode_picture(bytes, options).status();
  EXPECT_EQ(refused.code(), StatusCode::Unavailable);
  EXPECT_TRUE(contains(refused.message(), "no room"));
}

TEST_P(EveryFormat, HasNoSecondPage) {
  const Bytes bytes = encoded(GetParam(), sample_image({4, 4}));
  EXPECT_EQ(decode_picture(bytes, {.page = 1}).status().code(), StatusCode::Usage);
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat,
                         ::testing::Values("jpeg", "progressive", "png", "webp", "tiff"),
                         [](const auto& format) { return std::string(format.param); });

TEST(DecodePicture, RefusesTheAbsurdSizesThatAHeaderMayDeclare) {
  Bytes png = *io::encode_png(sample_image({2, 2}));
  const Bytes header = {0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0};  // 100,000 x 100,000
  std::copy(header.begin(), header.end(), png.begin() + 16);
  const Bytes checksum = {0x27, 0x30, 0x9C, 0x9F};
  std::copy(checksum.begin(), checksum.end(), png.begin() + 29);
  const Status declared = decode_picture(png).status();
  EXPECT_EQ(declared.code(), StatusCode::BadPicture);
  EXPECT_TRUE(contains(declared.message(), "100000 x 100000")) << declared.message();

  Bytes jpeg = testing::jpeg_of(sample_image({2, 2}));
  const Bytes frame = {0xFF, 0xC0};
  const auto at = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end());
  std::fill_n(at + 5, 4, std::uint8_t{0xFE});  // 65,278 x 65,278
  const Status status = decode_picture(jpeg).status();
  EXPECT_EQ(status.code(), StatusCode::BadPicture);
  EXPECT_TRUE(contains(status.message(), "65278 x 65278")) << status.message();
}

TEST(DecodePicture, NamesTheKindItFoundOrTheFirstBytes) {
  const auto message = [](std::string_view text) {
    return decode_picture({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})
        .status()
        .message();
  };
  EXPECT_TRUE(contains(message("BM123456789"), "a BMP file"));
  EXPECT_TRUE(contains(message("GIF89a"), "a GIF file"));
  EXPECT_TRUE(contains(message("hello, world"), "68 65 6c 6c 6f 2c 20 77")) << message("hello, world");
  EXPECT_TRUE(contains(message("x"), "expected a JPEG, PNG, WebP or TIFF picture"));
  EXPECT_TRUE(contains(message(""), "0 bytes"));
}

TEST(DecodePicture, TurnsJpegsUprightByTheirExifBlock) {
  const Image image = sample_image({8, 24});
  const Result<Picture> stored = decode_picture(testing::jpeg_of(image));
  const Result<Picture> turned = decode_picture(testing::jpeg_of(image, {.orientation = 6}));
  ASSERT_TRUE(stored.ok() && turned.ok());
  EXPECT_EQ(turned->source.orientation, 6);
  EXPECT_EQ(turned->image.size(), (Size{24, 8}));
  EXPECT_TRUE(std::ranges::equal(turned->image.pixel(0, 7), stored->image.pixel(0, 0)));
}

TEST(DecodePicture, RefusesOptionsThatMakeNoSense) {
  const Bytes bytes = *io::encode_png(sample_image({2, 2}));
  for (const ReadOptions& options :
       {ReadOptions{.window_low = 60, .window_high = 40}, ReadOptions{.window_low = -1},
        ReadOptions{.window_high = 101}, ReadOptions{.window_low = std::numeric_limits<double>::quiet_NaN()},
        ReadOptions{.page = -1}, ReadOptions{.max_pixels = 0}, ReadOptions{.max_bytes = 0}}) {
    EXPECT_EQ(decode_picture(bytes, options).status().code(), StatusCode::Usage);
  }
}

TEST(ReadPicture, SaysWhyAPathCannotBeRead) {
  const testing::TemporaryFolder folder;
  EXPECT_TRUE(contains(read_picture(folder / "none.png").status().message(), "none.png"));
  EXPECT_TRUE(contains(read_picture(folder.path()).status().message(), "folder"));
  std::ofstream(folder / "empty.png").close();
  const Status empty = read_picture(folder / "empty.png").status();
  EXPECT_EQ(empty.code(), StatusCode::BadPicture);
  EXPECT_TRUE(contains(empty.message(), "0 bytes")) << empty.message();
}

TEST(ReadPicture, IgnoresTheNameOfTheFile) {
  const testing::TemporaryFolder folder;
  const Bytes bytes = testing::jpeg_of(sample_image({5, 6}));
  std::ofstream(folder / "a.png", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  const Result<Picture> picture = read_picture(folder / "a.png");
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture->source.format, "jpeg");
}

}  // namespace
}  // namespace facet
