#include "service/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "service/redis_connection.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): not every libc declares it

namespace facet::service {
namespace {

// redis-server cannot be told to pick a port: the system picks one, and it is free again at once.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(socket);
  if (!bound) throw std::runtime_error("no free port on loopback");
  return ntohs(address.sin_port);
}

bool answers(int port) {
  RedisOptions options;
  options.port = port;
  return RedisConnection::open(options, std::chrono::steady_clock::now() + std::chrono::seconds(1)).ok();
}

}  // namespace

bool RedisServer::installed() { return access("/usr/bin/redis-server", X_OK) == 0; }

RedisServer::RedisServer(std::vector<std::string> options) : options_(std::move(options)) {
  for (int attempt = 0; attempt < 5; ++attempt) {  // another program may have taken the port meanwhile
    port_ = free_port();
    if (start()) return;
    kill_now();
  }
  throw std::runtime_error("redis-server did not start");
}

RedisServer::~RedisServer() { kill_now(); }

bool RedisServer::start() {
  std::vector<std::string> command = {"/usr/bin/redis-server",
                                      "--port",
                                      std::to_string(port_),
                                      "--bind",
                                      "127.0.0.1",
                                      "--save",
                                      "",
                                      "--appendonly",
                                      "no",
                                      "--dir",
                                      folder_.path().string(),
                                      "--logfile",
                                      (folder_ / "log").string()};
  command.insert(command.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  if (posix_spawn(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return false;
  while (!answers(port_)) {
    if (waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = -1;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

void RedisServer::pause() const {
  if (process_ > 0) kill(process_, SIGSTOP);
}
void RedisServer::resume() const {
  if (process_ > 0) kill(process_, SIGCONT);
}

void RedisServer::kill_now() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

void RedisServer::restart() {
  kill_now();
  if (!start()) throw std::runtime_error("redis-server did not start again");
}

}  // namespace facet::service
