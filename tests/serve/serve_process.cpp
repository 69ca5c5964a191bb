#include "serve/serve_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "service/http/base64.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): not every libc declares it

namespace facet::serve_tests {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Answer parse_head(const std::string& head) {
  Answer answer;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  if (line.size() > 12) answer.status = std::stoi(line.substr(9, 3));
  while (std::getline(lines, line) && line != "\r") {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos)
      answer.headers[lower(line.substr(0, colon))] = line.substr(colon + 2, line.size() - colon - 3);
  }
  return answer;
}

}  // namespace

Client::Client(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    socket_ = -1;
  }
}

Client::~Client() {
  if (socket_ >= 0) close(socket_);
}

bool Client::send(const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

bool Client::fill() {
  std::array<char, 65536> block{};
  const ssize_t count = recv(socket_, block.data(), block.size(), 0);
  if (count <= 0) return false;
  pending_.append(block.data(), static_cast<std::size_t>(count));
  return true;
}

Answer Client::receive(bool head) {
  std::size_t end = 0;
  while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
    if (socket_ < 0 || !fill()) return {};
  }
  Answer answer = parse_head(pending_.substr(0, end + 4));
  pending_.erase(0, end + 4);
  if (answer.status == 100) return receive(head);
  const auto length = answer.headers.find("content-length");
  const std::size_t size = head || length == answer.headers.end() ? 0 : std::stoul(length->second);
  while (pending_.size() < size) {
    if (!fill()) return {};
  }
  answer.body = pending_.substr(0, size);
  pending_.erase(0, size);
  return answer;
}

void Client::close_sending() { shutdown(socket_, SHUT_WR); }

void Client::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(socket_);
  socket_ = -1;
}

std::string request_text(const std::string& method, const std::string& path, const Headers& headers,
                         const std::string& body) {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

std::string form_body(const std::vector<FormField>& fields) {
  std::string body;
  for (const FormField& field : fields) {
    body += "--facet-test\r\nContent-Disposition: form-data; name=\"" + field.name + "\"";
    if (!field.file_name.empty()) body += "; filename=\"" + field.file_name + "\"\r\nContent-Type: image/png";
    body += "\r\n\r\n" + field.data + "\r\n";
  }
  return body + "--facet-test--\r\n";
}

ServeProcess::ServeProcess(const Setup& setup) {
  start(setup);
  wait_until([this] { return read_ports() || !running(); });
  if (setup.wait_until_ready && !running()) {
    throw std::runtime_error("the server did not start: " + standard_error());
  }
  if (setup.wait_until_ready) wait_until([this] { return !running() || get("/readyz").status == 200; });
}

ServeProcess::~ServeProcess() {
  if (!running()) return;
  kill(process_, SIGKILL);
  waitpid(process_, &state_, 0);
}

void ServeProcess::start(const Setup& setup) {
  std::vector<std::string> command = {FACET_PROGRAM, "serve", "--port", "0", "--admin-port", "0"};
  // Under a sanitizer what takes seconds takes minutes.
  const std::vector<std::pair<std::string, std::string>> defaults = {
      {"--drain-delay", "0"}, {"--log-level", "debug"}, {"--timeout", "1200000"}};
  for (const auto& [name, value] : defaults) {
    if (std::ranges::count(setup.options, name) == 0) command.insert(command.end(), {name, value});
  }
  if (setup.tiny_model) command.push_back("--model=tiny=" + e2e::tiny_model().string());
  command.insert(command.end(), setup.options.begin(), setup.options.end());
  std::vector<std::string> variables = setup.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) variables.emplace_back(*entry);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (std::string& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
  };
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (folder_ / "log").c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int failed = posix_spawn(&process_, command[0].c_str(), &actions, nullptr, pointers(command).data(),
                                 pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + command[0]);
}

bool ServeProcess::read_ports() {
  for (const Json& line : log()) {
    if (line["event"] != "listening") continue;
    port_ = line["port"];
    admin_port_ = line["admin_port"];
    return true;
  }
  return false;
}

Answer ServeProcess::call(const std::string& method, const std::string& path, const Headers& headers,
                          const std::string& body) const {
  Client client(port_);
  client.send(request_text(method, path, headers, body));
  return client.receive(method == "HEAD");
}

Answer ServeProcess::post_json(const std::string& path, const Json& body) const {
  return call("POST", path, {{"Content-Type", "application/json"}}, body.dump());
}

Answer ServeProcess::post_form(const std::string& path, const std::vector<FormField>& fields) const {
  return call("POST", path, {{"Content-Type", kFormType}}, form_body(fields));
}

Answer ServeProcess::admin(const std::string& method, const std::string& path, const Json& body) const {
  Client client(admin_port_);
  client.send(
      request_text(method, path, {{"Content-Type", "application/json"}}, body.is_null() ? "" : body.dump()));
  return client.receive();
}

double ServeProcess::metric(const std::string& series) const {
  std::istringstream lines(get("/metrics").body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  return 0;
}

// Never to "every process", which a number below 1 would mean.
void ServeProcess::signal(int number) const {
  if (process_ <= 0) throw std::logic_error("the server has ended: " + standard_error());
  kill(process_, number);
}

int ServeProcess::wait() {
  if (process_ >= 0) waitpid(process_, &state_, 0);
  process_ = -1;
  return WIFEXITED(state_) ? WEXITSTATUS(state_) : -WTERMSIG(state_);
}

bool ServeProcess::running() {
  if (process_ >= 0 && waitpid(process_, &state_, WNOHANG) == process_) process_ = -1;
  return process_ >= 0;
}

std::string ServeProcess::standard_error() const { return e2e::read_file(folder_ / "log"); }

std::vector<Json> ServeProcess::log() const {
  std::vector<Json> lines;
  std::istringstream stream(standard_error());
  for (std::string line; std::getline(stream, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_object()) lines.push_back(std::move(json));
  }
  return lines;
}

bool ServeProcess::has_event(const std::string& event) const {
  return std::ranges::any_of(log(), [&](const Json& line) { return line["event"] == event; });
}

void pause_briefly() { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

std::string picture_bytes(int height, int width) {
  const testing::TemporaryFolder folder;
  e2e::write_picture(folder / "picture.png", {height, width});
  return e2e::read_file(folder / "picture.png");
}

std::string picture_base64(int height, int width) {
  const std::string bytes = picture_bytes(height, width);
  return service::base64_encode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace facet::serve_tests
