#include "e2e/tiny_model.h"

#include <stdexcept>
#include <vector>

#include "io/atomic_file.h"
#include "io/picture_writer.h"
#include "io/safetensors_writer.h"
#include "support/paths.h"
#include "support/synthetic_weights.h"

namespace facet::e2e {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 1;

void require(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

bool in_disc(int y, int x, Size size) {
  const int radius = size.height / 6;
  for (const int column : {size.width / 4, size.width / 2, 3 * size.width / 4}) {
    const int dy = y - size.height / 2;
    const int dx = x - column;
    if (dy * dy + dx * dx < radius * radius) return true;
  }
  return false;
}

void write_encoded(const fs::path& path, const io::EncodedPicture& picture) {
  require(picture.status());
  fs::create_directories(path.parent_path());
  require(io::write_file(path, *picture));
}

}  // namespace

void write_tiny_model(const fs::path& path, std::uint64_t seed) {
  const testing::SyntheticWeights weights(testing::source_path("tests/e2e/data/sam_tiny_shapes.json"), seed);
  std::vector<Tensor> tensors;
  std::vector<io::NamedTensor> named;
  const std::vector<std::string> names = weights.names();
  tensors.reserve(names.size());
  for (const std::string& name : names) {
    tensors.push_back(weights.read_float32(name).value());
    named.push_back({name, tensors.back().view()});
  }
  require(io::write_safetensors(path, named));
}

const fs::path& tiny_model() {
  static const testing::TemporaryFolder folder;
  static const fs::path path = [] {
    write_tiny_model(folder / "sam_tiny.safetensors", kSeed);
    return folder / "sam_tiny.safetensors";
  }();
  return path;
}

void write_picture(const fs::path& path, Size size) {
  Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const bool bright = in_disc(y, x, size);
      image.pixel(y, x)[0] = static_cast<std::uint8_t>(bright ? 220 : 30 + x % 20);
      image.pixel(y, x)[1] = static_cast<std::uint8_t>(bright ? 200 : 40 + y % 20);
      image.pixel(y, x)[2] = 60;
    }
  }
  write_encoded(path, io::encode_png(image));
}

void write_picture_16(const fs::path& path, Size size) {
  std::vector<std::uint16_t> pixels;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      pixels.push_back(static_cast<std::uint16_t>(in_disc(y, x, size) ? 3000 : 1000 + x + y));
    }
  }
  write_encoded(path, io::encode_png_gray16(size, pixels));
}

void write_mask(const fs::path& path, Size size) {
  std::vector<std::uint8_t> bits;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) bits.push_back(in_disc(y, x, size) ? 1 : 0);
  }
  write_encoded(path, io::encode_png_bilevel(size, bits));
}

}  // namespace facet::e2e
