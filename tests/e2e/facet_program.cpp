#include "e2e/facet_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "support/paths.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): not every libc declares it

namespace facet::e2e {
namespace {

namespace fs = std::filesystem;

/// A limit on the size of files for as long as the object lives; a program started meanwhile inherits it.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(long bytes) : active_(bytes > 0) {
    if (!active_) return;
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{static_cast<rlim_t>(bytes), before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    if (active_) setrlimit(RLIMIT_FSIZE, &before_);
  }

 private:
  bool active_;
  rlimit before_{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& own) {
  std::vector<std::string> merged = own;
  // Packed models are not left in the cache of whoever runs the tests.
  static const testing::TemporaryFolder cache;
  const auto is_cache = [](const std::string& o) { return o.starts_with("XDG_CACHE_HOME="); };
  if (std::none_of(own.begin(), own.end(), is_cache)) {
    merged.push_back("XDG_CACHE_HOME=" + cache.path().string());
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('=') + 1);
    const bool replaced =
        std::any_of(merged.begin(), merged.end(), [&](const auto& o) { return o.starts_with(name); });
    if (!replaced) merged.push_back(text);
  }
  return merged;
}

pid_t spawn(std::vector<std::string> command, const RunOptions& options, const fs::path& out,
            const fs::path& error) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
                                   options.input.empty() ? "/dev/null" : options.input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error.c_str(), flags, 0600);
  if (!options.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.folder.c_str());
  std::vector<std::string> environment = merged_environment(options.environment);
  const FileSizeLimit limit(options.max_file_bytes);
  pid_t process = -1;
  const int failed = posix_spawn(&process, command[0].c_str(), &actions, nullptr, pointers(command).data(),
                                 pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + command[0]);
  return process;
}

int wait_for(pid_t process, const std::function<bool()>& interrupt_when) {
  int state = 0;
  bool interrupted = interrupt_when == nullptr;
  while (!interrupted) {
    if (waitpid(process, &state, WNOHANG) == process) return state;
    if (interrupt_when()) {
      kill(process, SIGINT);
      interrupted = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  waitpid(process, &state, 0);
  return state;
}

}  // namespace

RunResult run_facet(const std::vector<std::string>& arguments, const RunOptions& options) {
  const testing::TemporaryFolder streams;
  std::vector<std::string> command = {FACET_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const pid_t process = spawn(command, options, streams / "out", streams / "error");
  const int state = wait_for(process, options.interrupt_when);
  return {WIFEXITED(state) ? WEXITSTATUS(state) : -1, read_file(streams / "out"),
          read_file(streams / "error")};
}

std::vector<std::string> files_under(const fs::path& folder) {
  std::vector<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace facet::e2e
