#include "cli/run_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;  // NOLINT(readability-redundant-declaration): not every libc declares it

namespace facet::cli {
namespace {

constexpr std::size_t kMaxReason = 600;  // bytes from the end, enough for the reason of a failure
constexpr std::size_t kMaxOutput = 1 << 20;

/// How the child differs from this process: its folder, its output, and signals as they are by default.
class SpawnSettings {
 public:
  SpawnSettings(const std::filesystem::path& folder, int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  /// Zero, or the error number.
  int spawn(std::vector<std::string> command, pid_t& process) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    return posix_spawnp(&process, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::string tail_of(const std::string& text, std::size_t most) {
  return text.size() > most ? text.substr(text.size() - most) : text;
}

std::string read_tail(int descriptor) {
  std::string tail;
  std::array<char, 4096> block{};
  while (true) {
    const ssize_t got = read(descriptor, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return tail;
    tail.append(block.data(), static_cast<std::size_t>(got));
    if (tail.size() > kMaxOutput) tail.erase(0, tail.size() - kMaxOutput);
  }
}

int wait_for(pid_t process) {
  int state = 0;
  while (waitpid(process, &state, 0) < 0 && errno == EINTR) continue;
  return state;
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

Status failure(const std::string& program, const std::string& reason) {
  return {StatusCode::FetchFailed, fmt::format("{}: {}", program, reason)};
}

}  // namespace

Result<std::string> read_command(const std::vector<std::string>& command, const std::filesystem::path& folder,
                                 const std::stop_token& stop) {
  std::array<int, 2> output{};
  if (pipe2(output.data(), O_CLOEXEC) != 0) return failure(command.at(0), std::strerror(errno));
  pid_t process = -1;
  const int error = SpawnSettings(folder, output[1]).spawn(command, process);
  close(output[1]);
  std::string said;
  if (error == 0) {
    const std::stop_callback end(stop, [process] { kill(-process, SIGTERM); });
    said = read_tail(output[0]);
  }
  close(output[0]);
  if (error == ENOENT) return failure(command[0], "the program is not installed");
  if (error != 0) return failure(command[0], std::strerror(error));
  const int state = wait_for(process);
  if (stop.stop_requested()) return Status(StatusCode::Cancelled, "interrupted");
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return said;
  const std::string how = WIFEXITED(state) ? fmt::format("exit status {}", WEXITSTATUS(state))
                                           : fmt::format("signal {}", WTERMSIG(state));
  return failure(command[0], fmt::format("{}; it said: {}", how, one_line(tail_of(said, kMaxReason))));
}

Status run_command(const std::vector<std::string>& command, const std::filesystem::path& folder,
                   const std::stop_token& stop) {
  return read_command(command, folder, stop).status();
}

}  // namespace facet::cli
