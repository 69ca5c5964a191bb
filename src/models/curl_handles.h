#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace facet::models {

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeHeaders {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlHandle = std::unique_ptr<CURL, FreeCurl>;
using CurlHeaders = std::unique_ptr<curl_slist, FreeHeaders>;

/// A handle for one request.   Errors  std::bad_alloc   Threads  any
[[nodiscard]] CurlHandle make_curl();
/// "Name: value" of each header as libcurl takes them.   Errors  std::bad_alloc
[[nodiscard]] CurlHeaders make_headers(const std::vector<std::string>& lines);
/// Of the last answer; 0 when there was none.
[[nodiscard]] long response_code(CURL* curl);
/// Whether asking again may bring another answer: 408, 429, 5xx.
[[nodiscard]] bool may_pass(long response_code);
/// Waits, or until `stop` is requested.
void pause(std::chrono::milliseconds duration, const std::stop_token& stop);

}  // namespace facet::models
