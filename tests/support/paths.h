#pragma once

#include <filesystem>
#include <string>

namespace facet::testing {

/// A file of the repository, by its path from the root.
std::filesystem::path source_path(const std::string& relative);
/// A file of the shared test material, or empty where the machine has none: FACET_SHARED_DIR, else the folder
/// `shared` beside the repository.
std::filesystem::path shared_path(const std::string& relative);
/// A fresh folder of this test's own, removed with everything in it when the object goes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace facet::testing

/// Skips the test, and says why, when the shared test material or this file of it is absent.
#define FACET_REQUIRE_SHARED(relative)                                             \
  if (::facet::testing::shared_path(relative).empty()) {                           \
    GTEST_SKIP() << "shared test material is not on this machine: " << (relative); \
  }
