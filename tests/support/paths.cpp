#include "support/paths.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace facet::testing {

std::filesystem::path source_path(const std::string& relative) {
  return std::filesystem::path(FACET_SOURCE_DIR) / relative;
}

std::filesystem::path shared_path(const std::string& relative) {
  const char* chosen = std::getenv("FACET_SHARED_DIR");
  const std::filesystem::path root = chosen != nullptr
                                         ? std::filesystem::path(chosen)
                                         : std::filesystem::path(FACET_SOURCE_DIR) / ".." / "shared";
  const std::filesystem::path path = root / relative;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> counter{0};
  path_ = std::filesystem::temp_directory_path() /
          ("facet-test-" + std::to_string(getpid()) + "-" + std::to_string(counter++));
  std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace facet::testing
