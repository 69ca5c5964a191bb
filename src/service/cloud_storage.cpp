#include "service/cloud_storage.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>

#include "models/curl_handles.h"

namespace facet::service {
namespace {

namespace fs = std::filesystem;
using BucketJson = nlohmann::json;

constexpr std::string_view kScheme = "gs://";
constexpr std::string_view kTokenPath = "/computeMetadata/v1/instance/service-accounts/default/token";
constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxObjects = 10'000;
constexpr int kMaxPages = 1'000;
constexpr std::int64_t kMaxObjectBytes = std::int64_t{16} << 30;
constexpr int kTokens = 2;  // one may end while the content is on its way

Status failed(std::string_view where, std::string_view reason) {
  return {StatusCode::FetchFailed, fmt::format("{}: {}", where, reason)};
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& body = *static_cast<std::string*>(user);
  if (size > kMaxAnswerBytes - body.size()) return 0;
  body.append(data, size);
  return size;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(user)->stop_requested() ? 1 : 0;
}

/// One request, by no proxy when `direct`; a connection that failed has code 0 and says why in `body`.
struct HttpAnswer {
  long code = 0;
  std::string body;
};

HttpAnswer request(const std::string& url, const std::vector<std::string>& headers,
                   const models::DownloadOptions& options, bool direct) {
  const models::CurlHandle curl = models::make_curl();
  const models::CurlHeaders list = models::make_headers(headers);
  HttpAnswer answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  if (direct) curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "facet");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, list.get());
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, static_cast<long>(options.stall_timeout.count()));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &options.stop);
  const CURLcode result = curl_easy_perform(curl.get());
  if (result == CURLE_OK) {
    answer.code = models::response_code(curl.get());
  } else {
    answer.body = curl_easy_strerror(result);
  }
  return answer;
}

std::string escaped(const std::string& text) {
  const models::CurlHandle curl = models::make_curl();
  const std::unique_ptr<char, decltype(&curl_free)> result(
      curl_easy_escape(curl.get(), text.data(), static_cast<int>(text.size())), curl_free);
  if (result == nullptr) throw std::bad_alloc();
  return result.get();
}

struct Place {
  std::string bucket;
  std::string name;  // without slashes at its ends
};

Result<Place> place_of(const std::string& uri) {
  std::string_view rest = uri;
  if (is_cloud_uri(uri)) rest.remove_prefix(kScheme.size());
  const std::string_view bucket = rest.substr(0, rest.find('/'));
  rest.remove_prefix(std::min(rest.size(), bucket.size() + 1));
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const bool plain =
      bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string_view::npos;
  if (!is_cloud_uri(uri) || bucket.empty() || !plain)
    return Status(StatusCode::Usage, fmt::format("expected gs://BUCKET/PATH, found '{}'", uri));
  return Place{std::string(bucket), std::string(rest)};
}

std::string text_of(const BucketJson& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

/// "yZRlqg==", four bytes from the highest, as hex digits.
std::string hex_of_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() != 8 || !text.ends_with("==")) return {};
  std::uint64_t bits = 0;
  for (const char digit : text.substr(0, 6)) {
    const std::size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) return {};
    bits = bits << 6 | value;
  }
  return fmt::format("{:08x}", bits >> 4);
}

std::optional<CloudObject> object_of(const BucketJson& json, const std::string& bucket) {
  CloudObject object{.bucket = bucket,
                     .name = text_of(json, "name"),
                     .generation = text_of(json, "generation"),
                     .crc32c = hex_of_base64(text_of(json, "crc32c"))};
  const std::string size = text_of(json, "size");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), object.size_bytes);
  const bool whole = error == std::errc() && end == size.data() + size.size() && object.size_bytes >= 0;
  const bool digits = object.generation.find_first_not_of("0123456789") == std::string::npos;
  if (!whole || !digits || object.generation.empty() || object.name.empty() || object.crc32c.empty())
    return std::nullopt;
  return object;
}

/// The file's name on this machine: nothing of the object's but its plain letters, and what tells contents
/// apart.
std::string file_name(const CloudObject& object) {
  const fs::path name = fs::path(object.name).filename();
  std::string stem = name.stem().string();
  std::ranges::replace_if(
      stem, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_'; }, '_');
  std::string extension = name.extension().string();
  if (extension.find_first_not_of(".abcdefghijklmnopqrstuvwxyz") != std::string::npos) extension.clear();
  return fmt::format("{}-{}-{}{}", stem, object.generation, object.crc32c, extension);
}

}  // namespace

bool is_cloud_uri(std::string_view text) { return text.starts_with(kScheme); }

Result<fs::path> named_file(const models::ModelFolder& folder, const std::string& name) {
  return is_cloud_uri(name) ? Result<fs::path>(name) : folder.resolve(name);
}

CloudStorage::CloudStorage(CloudHosts hosts, models::DownloadOptions transfer)
    : hosts_(std::move(hosts)), transfer_(std::move(transfer)) {}

Result<std::string> CloudStorage::get(const std::string& url, const std::vector<std::string>& headers) const {
  std::chrono::milliseconds wait = transfer_.first_pause;
  for (int attempt = 1;; ++attempt) {
    HttpAnswer answer = request(url, headers, transfer_, url.starts_with(hosts_.metadata));
    if (answer.code == 200) return std::move(answer.body);
    if (transfer_.stop.stop_requested()) return Status(StatusCode::Cancelled, "interrupted");
    const bool again = answer.code == 0 || models::may_pass(answer.code);
    if (!again || attempt >= transfer_.attempts) {
      return failed(url, answer.code == 0 ? answer.body : fmt::format("the server answered {}", answer.code));
    }
    models::pause(wait, transfer_.stop);
    wait *= 2;
  }
}

Result<std::string> CloudStorage::authorization() const {
  const std::string url = hosts_.metadata + std::string(kTokenPath);
  FACET_ASSIGN_OR_RETURN(const std::string body, get(url, {"Metadata-Flavor: Google"}));
  const std::string token = text_of(BucketJson::parse(body, nullptr, false), "access_token");
  const bool plain = std::ranges::all_of(token, [](unsigned char c) { return c > ' ' && c < 0x7F; });
  if (token.empty() || !plain) return failed(url, "the answer holds no access_token");
  return "Authorization: Bearer " + token;
}

Result<std::vector<CloudObject>> CloudStorage::list(const std::string& uri) const {
  FACET_ASSIGN_OR_RETURN(const Place place, place_of(uri));
  FACET_ASSIGN_OR_RETURN(const std::string token, authorization());
  const std::string folder = place.name.empty() ? "" : place.name + "/";
  const std::string url = fmt::format("{}/storage/v1/b/{}/o?delimiter=%2F&prefix={}", hosts_.storage,
                                      place.bucket, escaped(folder));
  std::vector<CloudObject> objects;
  std::string page;
  for (int pages = 0; pages == 0 || !page.empty(); ++pages) {
    if (pages == kMaxPages) return failed(uri, fmt::format("more than {} pages of objects", kMaxPages));
    const std::string address = page.empty() ? url : url + "&pageToken=" + escaped(page);
    FACET_ASSIGN_OR_RETURN(const std::string body, get(address, {token}));
    const BucketJson answer = BucketJson::parse(body, nullptr, false);
    if (!answer.is_object()) return failed(address, "expected a JSON object");
    const BucketJson items = answer.value("items", BucketJson::array());
    for (const BucketJson& item : items) {
      if (text_of(item, "name") == folder) continue;  // the folder itself, as consoles make one
      std::optional<CloudObject> object = object_of(item, place.bucket);
      if (!object) return failed(address, "expected items with name, generation, size and crc32c");
      objects.push_back(*std::move(object));
    }
    if (objects.size() > kMaxObjects) return failed(uri, fmt::format("more than {} objects", kMaxObjects));
    page = text_of(answer, "nextPageToken");
  }
  return objects;
}

Result<CloudObject> CloudStorage::find(const std::string& uri) const {
  FACET_ASSIGN_OR_RETURN(const Place place, place_of(uri));
  FACET_ASSIGN_OR_RETURN(const std::string token, authorization());
  const std::string url =
      fmt::format("{}/storage/v1/b/{}/o/{}", hosts_.storage, place.bucket, escaped(place.name));
  FACET_ASSIGN_OR_RETURN(const std::string body, get(url, {token}));
  std::optional<CloudObject> object = object_of(BucketJson::parse(body, nullptr, false), place.bucket);
  if (!object) return failed(url, "expected an object with name, generation, size and crc32c");
  return *std::move(object);
}

Result<fs::path> CloudStorage::fetch(const CloudObject& object, const fs::path& folder) const {
  const std::string uri = fmt::format("{}{}/{}", kScheme, object.bucket, object.name);
  if (object.size_bytes > kMaxObjectBytes)
    return failed(uri,
                  fmt::format("expected at most {} bytes, found {}", kMaxObjectBytes, object.size_bytes));
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return Status(StatusCode::OutputFailed,
                  fmt::format("cannot create {}: {}", folder.string(), error.message()));
  const fs::path path = folder / file_name(object);
  if (fs::exists(path, error)) return path;
  const models::PinnedFile expected{
      .name = object.name, .size_bytes = object.size_bytes, .crc32c = object.crc32c};
  const std::string url = fmt::format("{}/storage/v1/b/{}/o/{}?alt=media&generation={}", hosts_.storage,
                                      object.bucket, escaped(object.name), object.generation);
  Status status;
  for (int i = 0; i < kTokens; ++i) {
    models::DownloadOptions transfer = transfer_;
    FACET_ASSIGN_OR_RETURN(const std::string token, authorization());
    transfer.headers.push_back(token);
    status = models::download(url, path, expected, transfer);
    if (status.code() != StatusCode::FetchFailed) break;
  }
  if (!status.ok()) return status;
  return path;
}

}  // namespace facet::service
