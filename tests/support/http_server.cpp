#include "support/http_server.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <stdexcept>

extern char** environ;  // NOLINT(readability-redundant-declaration): not every libc declares it

namespace facet::testing {

namespace {

std::filesystem::path written(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

}  // namespace

ScriptServer::ScriptServer(const std::string& script, const std::filesystem::path& served) {
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  if (pipe2(input.data(), O_CLOEXEC) != 0 || pipe2(output.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  std::vector<std::string> command = {"python3", source_path("tests/support/" + script).string(),
                                      served.string(), (folder_ / "log").string()};
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const int failed = posix_spawnp(&process_, "python3", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  keep_alive_ = input[1];
  std::FILE* answer = fdopen(output[0], "r");
  std::array<char, 32> line{};
  const bool started = failed == 0 && std::fgets(line.data(), line.size(), answer) != nullptr;
  std::fclose(answer);
  if (!started) throw std::runtime_error(script + " did not start");
  port_ = line.data();
  port_.pop_back();
}

ScriptServer::~ScriptServer() {
  close(keep_alive_);
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
}

std::string ScriptServer::url(const std::string& path) const { return "http://127.0.0.1:" + port_ + path; }

void ScriptServer::fall_silent() const { kill(process_, SIGSTOP); }

std::vector<std::string> ScriptServer::requests() const {
  std::ifstream log(folder_ / "log");
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line);) lines.push_back(line);
  return lines;
}

HttpServer::HttpServer(const std::string& content)
    : server_("http_server.py", written(folder_ / "content", content)) {}

}  // namespace facet::testing
