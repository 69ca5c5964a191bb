#include "cli/track_lines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/human_text.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// The double that reads like the float: 0.98 and not 0.9800000190734863.
Json object_json(const ObjectMask& object) {
  return {
      {"id", object.object},
      {"area", object.area},
      {"bbox", {object.bbox.x, object.bbox.y, object.bbox.width, object.bbox.height}},
      {"score", shortest(object.score)},
      {"object_score", shortest(object.object_score)},
      {"rle",
       {{"size", {object.rle.size.height, object.rle.size.width}}, {"counts", rle_to_string(object.rle)}}}};
}

std::optional<ObjectMask> parse_object(const Json& json, Size video) {
  const Json& rle = json.at("rle");
  if (rle.at("size") != Json{video.height, video.width}) return std::nullopt;
  Result<Rle> mask = rle_from_string(rle.at("counts").get<std::string>(), video);
  if (!mask.ok()) return std::nullopt;
  ObjectMask object{.object = json.at("id").get<int>(),
                    .score = json.at("score").get<float>(),
                    .object_score = json.at("object_score").get<float>(),
                    .rle = std::move(*mask)};
  object.area = rle_area(object.rle);
  object.bbox = rle_bbox(object.rle);
  return object;
}

}  // namespace

std::string frame_line(const FrameResult& result) {
  Json json = {{"frame", result.masks.frame}};
  if (result.status.ok()) {
    json["encoded"] = result.masks.encoded;
    json["objects"] = Json::array();
    for (const ObjectMask& object : result.masks.objects) json["objects"].push_back(object_json(object));
  } else {
    json["error"] = {{"code", status_row(result.status.code()).name}, {"message", result.status.message()}};
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<FrameResult> parse_frame_line(const std::string& line, Size video) {
  try {
    const Json json = Json::parse(line);
    FrameResult result;
    result.masks.frame = json.at("frame").get<int>();
    if (json.contains("error")) {
      result.status = {StatusCode::BadPicture, json["error"].at("message").get<std::string>()};
      return result;
    }
    result.masks.encoded = json.at("encoded").get<bool>();
    for (const Json& entry : json.at("objects")) {
      std::optional<ObjectMask> object = parse_object(entry, video);
      if (!object) return std::nullopt;
      result.masks.objects.push_back(std::move(*object));
    }
    return result;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

LineFile::LineFile(fs::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

LineFile::LineFile(LineFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      earlier_(std::move(other.earlier_)) {}

LineFile::~LineFile() {
  if (descriptor_ < 0) return;
  fsync(descriptor_);
  close(descriptor_);
}

Status LineFile::failure(const char* action) const {
  return {StatusCode::OutputFailed,
          fmt::format("cannot {} {}: {}", action, path_.string(), std::strerror(errno))};
}

Result<LineFile> LineFile::open(const fs::path& path, bool resume) {
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (resume ? 0 : O_TRUNC);
  LineFile file(path, ::open(path.c_str(), flags, 0666));
  if (file.descriptor_ < 0) return file.failure("create");
  if (!resume) return file;
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    file.earlier_.push_back(text.substr(begin, end - begin));
  }
  return file;
}

Status LineFile::keep(std::size_t count) {
  earlier_.resize(std::min(count, earlier_.size()));
  size_ = 0;
  for (const std::string& line : earlier_) size_ += std::int64_t(line.size()) + 1;
  if (ftruncate(descriptor_, size_) != 0) return failure("shorten");
  return {};
}

Status LineFile::append(const std::string& line) {
  const std::string text = line + "\n";
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written =
        pwrite(descriptor_, text.data() + done, text.size() - done, size_ + std::int64_t(done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const Status status = failure("write");
      (void)!ftruncate(descriptor_, size_);
      return status;
    }
    done += std::size_t(written);
  }
  size_ += std::int64_t(text.size());
  return {};
}

}  // namespace facet::cli
