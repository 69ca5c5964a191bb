#include "models/curl_handles.h"

#include <condition_variable>
#include <mutex>
#include <new>

namespace facet::models {
namespace {

constexpr long kTooManyRequests = 429;
constexpr long kRequestTimeout = 408;

}  // namespace

CurlHandle make_curl() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CurlHandle curl(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (curl == nullptr) throw std::bad_alloc();
  return curl;
}

CurlHeaders make_headers(const std::vector<std::string>& lines) {
  CurlHeaders list;
  for (const std::string& line : lines) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)list.release();
    list.reset(longer);
  }
  return list;
}

long response_code(CURL* curl) {
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  return code;
}

bool may_pass(long response_code) {
  return response_code >= 500 || response_code == kTooManyRequests || response_code == kRequestTimeout;
}

void pause(std::chrono::milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
}

}  // namespace facet::models
