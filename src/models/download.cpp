#include "models/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "models/curl_handles.h"
#include "models/file_digest.h"
#include "models/model_folder.h"

namespace facet::models {
namespace {

constexpr long kMaxRedirects = 10;
constexpr long kRangeNotSatisfiable = 416;

/// The bytes that have arrived: open, locked against a second download, and still there after a failure.
class PartialFile {
 public:
  static Result<PartialFile> open(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) return failure("create", path);
    PartialFile file(path, descriptor);
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      return Status(StatusCode::OutputFailed,
                    fmt::format("another download of {} is running", path.string()));
    }
    struct stat info {};
    if (fstat(descriptor, &info) != 0) return failure("read", path);
    file.size_ = info.st_size;
    return file;
  }
  PartialFile(PartialFile&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        size_(other.size_) {}
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile() {
    if (descriptor_ < 0) return;
    if (size_ == 0) remove();
    close(descriptor_);
  }

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  Status append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), size_);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failure("write", path_);
      size_ += written;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Status clear() {
    if (ftruncate(descriptor_, 0) != 0) return failure("write", path_);
    size_ = 0;
    return {};
  }
  Status move_to(const std::filesystem::path& final_path) {
    if (fsync(descriptor_) != 0) return failure("flush", path_);
    if (rename(path_.c_str(), final_path.c_str()) != 0) return failure("put in place", final_path);
    return {};
  }
  void remove() { unlink(path_.c_str()); }

 private:
  PartialFile(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  static Status failure(std::string_view action, const std::filesystem::path& path) {
    return {StatusCode::OutputFailed,
            fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(errno))};
  }
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

/// What one try came to. `retry` is whether another one may do better.
struct Attempt {
  Status status;
  bool retry = false;
};

/// What the callbacks of one transfer share.
struct Transfer {
  PartialFile& file;
  const PinnedFile& expected;
  const DownloadOptions& options;
  CURL* curl = nullptr;
  std::string etag;  // of the bytes in `file`
  Status output;     // what went wrong on this side
  bool body_started = false;
  bool wrong_range = false;         // the server sent another part than was asked for
  bool ask_range = true;            // cleared when it did
  std::int64_t offered_bytes = -1;  // what the server says a wrong file has
};

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && strncasecmp(text.data(), prefix.data(), prefix.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\n'))
    text.remove_suffix(1);
  return text;
}

/// Whether "bytes FIRST-LAST/TOTAL" begins at `first`, and TOTAL, where stated, is `total`.
bool range_fits(std::string_view range, std::int64_t first, std::int64_t total) {
  if (!starts_with_ignoring_case(range, "bytes ")) return false;
  range = trimmed(range.substr(6));
  std::int64_t found_first = -1;
  std::from_chars(range.data(), range.data() + range.size(), found_first);
  const std::string_view found_total = range.substr(std::min(range.find('/'), range.size() - 1) + 1);
  return found_first == first && (found_total == "*" || found_total == std::to_string(total));
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size);
  if (starts_with_ignoring_case(line, "HTTP/")) {
    transfer.wrong_range = false;
    transfer.etag.clear();
  } else if (starts_with_ignoring_case(line, "ETag:")) {
    const std::string_view etag = trimmed(line.substr(5));
    // A weak tag does not promise equal bytes.
    transfer.etag = etag.starts_with('"') ? std::string(etag) : std::string();
  } else if (starts_with_ignoring_case(line, "Content-Range:")) {
    transfer.wrong_range =
        !range_fits(trimmed(line.substr(14)), transfer.file.size(), transfer.expected.size_bytes);
  }
  return size;
}

/// Decides on the first bytes of a body whether they go on where the file ends or start it anew.
Status start_body(Transfer& transfer) {
  transfer.body_started = true;
  if (response_code(transfer.curl) == 206) return {};
  curl_off_t length = -1;
  curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  // A sign-in page or another file must not cost what has already arrived.
  if (length >= 0 && length != transfer.expected.size_bytes) transfer.offered_bytes = length;
  return transfer.file.size() == 0 || transfer.offered_bytes >= 0 ? Status() : transfer.file.clear();
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (response_code(transfer.curl) >= 300) return size;  // the page that explains an error
  if (transfer.wrong_range) return 0;
  if (!transfer.body_started) transfer.output = start_body(transfer);
  if (transfer.offered_bytes >= 0) return 0;
  if (transfer.output.ok()) transfer.output = transfer.file.append({data, size});
  const bool too_long = transfer.file.size() > transfer.expected.size_bytes;
  return transfer.output.ok() && !too_long ? size : 0;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.options.progress) {
    transfer.options.progress(transfer.file.size(), transfer.expected.size_bytes);
  }
  return transfer.options.stop.stop_requested() ? 1 : 0;
}

void set_options(CURL* curl, const std::string& url, Transfer& transfer) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "facet");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(transfer.options.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(transfer.options.stall_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

Status fetch_failed(const std::string& url, std::string_view reason) {
  return {StatusCode::FetchFailed, fmt::format("{}: {}", url, reason)};
}

Status wrong_size(const std::string& url, const PinnedFile& expected, std::string_view found) {
  return fetch_failed(url, fmt::format("expected {} bytes, found {}", expected.size_bytes, found));
}

Attempt judge_http_error(const std::string& url, long code, Transfer& transfer) {
  if (code == kRangeNotSatisfiable) return {transfer.file.clear(), true};
  return {fetch_failed(url, fmt::format("the server answered {}", code)), may_pass(code)};
}

Attempt judge(const std::string& url, CURLcode result, const char* detail, Transfer& transfer) {
  if (!transfer.output.ok()) return {transfer.output, false};
  if (transfer.options.stop.stop_requested()) {
    return {Status(StatusCode::Cancelled, "interrupted; the same command goes on from here"), false};
  }
  const long code = response_code(transfer.curl);
  if (result == CURLE_OK && code >= 300) return judge_http_error(url, code, transfer);
  if (transfer.wrong_range) {
    transfer.ask_range = false;
    return {fetch_failed(url, "the server sent another part than was asked for"), true};
  }
  if (transfer.offered_bytes >= 0) {
    return {wrong_size(url, transfer.expected, std::to_string(transfer.offered_bytes)), false};
  }
  const std::int64_t found = transfer.file.size();
  const std::int64_t expected = transfer.expected.size_bytes;
  if (found > expected) {
    transfer.file.remove();
    return {wrong_size(url, transfer.expected, "more"), false};
  }
  if (result != CURLE_OK) {
    return {fetch_failed(url, *detail != '\0' ? detail : curl_easy_strerror(result)), true};
  }
  if (found == expected) return {};
  transfer.file.remove();
  return {wrong_size(url, transfer.expected, std::to_string(found)), false};
}

Attempt fetch_once(const std::string& url, Transfer& transfer) {
  const CurlHandle curl = make_curl();
  std::array<char, CURL_ERROR_SIZE> detail{};
  transfer.curl = curl.get();
  transfer.body_started = transfer.wrong_range = false;
  transfer.offered_bytes = -1;
  set_options(curl.get(), url, transfer);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail.data());
  std::vector<std::string> lines = transfer.options.headers;
  // A header of our own, because with CURLOPT_RESUME_FROM curl refuses a server that sends the whole file.
  if (const std::int64_t have = transfer.file.size(); have > 0 && transfer.ask_range) {
    lines.push_back(fmt::format("Range: bytes={}-", have));
    if (!transfer.etag.empty()) lines.push_back(fmt::format("If-Range: {}", transfer.etag));
  }
  const auto headers = make_headers(lines);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  const CURLcode result = curl_easy_perform(curl.get());
  return judge(url, result, detail.data(), transfer);
}

/// Tries until the file is as long as it should be.
Status fetch_bytes(const std::string& url, Transfer& transfer) {
  std::chrono::milliseconds wait = transfer.options.first_pause;
  for (int attempt = 1; transfer.file.size() != transfer.expected.size_bytes; ++attempt) {
    const Attempt outcome = fetch_once(url, transfer);
    if (!outcome.retry) {
      if (!outcome.status.ok()) return outcome.status;
      continue;
    }
    if (attempt >= transfer.options.attempts) {
      return outcome.status.ok() ? fetch_failed(url, "the server does not give the rest of the file")
                                 : outcome.status;
    }
    pause(wait, transfer.options.stop);
    wait *= 2;
  }
  return {};
}

}  // namespace

Status download(const std::string& url, const std::filesystem::path& path, const PinnedFile& expected,
                const DownloadOptions& options) {
  FACET_ASSIGN_OR_RETURN(PartialFile file, PartialFile::open(partial_path(path)));
  if (file.size() > expected.size_bytes) FACET_RETURN_IF_ERROR(file.clear());
  const bool resumed = file.size() > 0;
  Transfer transfer{file, expected, options};
  FACET_RETURN_IF_ERROR(fetch_bytes(url, transfer));
  Status checked = check_file(file.path(), expected, options.stop);
  if (checked.code() == StatusCode::FetchFailed && resumed) {
    // The bytes of the earlier run may have been another file's: once more from the beginning.
    FACET_RETURN_IF_ERROR(file.clear());
    transfer.etag.clear();
    FACET_RETURN_IF_ERROR(fetch_bytes(url, transfer));
    checked = check_file(file.path(), expected, options.stop);
  }
  if (checked.code() == StatusCode::FetchFailed) file.remove();
  FACET_RETURN_IF_ERROR(checked.with_context(url));
  return file.move_to(path);
}

}  // namespace facet::models
