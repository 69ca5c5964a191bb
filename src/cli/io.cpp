#include "cli/io.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "cli/human_text.h"

namespace facet::cli {
namespace {

constexpr int kDefaultWidth = 80;

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

Io process_io(std::stop_token stop) {
  Io io;
  io.error_is_terminal = isatty(STDERR_FILENO) == 1 && environment_variable("TERM") != "dumb";
  io.folder_variables = {.facet_model_dir = environment_variable("FACET_MODEL_DIR"),
                         .xdg_cache_home = environment_variable("XDG_CACHE_HOME"),
                         .home = environment_variable("HOME")};
  io.stop = std::move(stop);
  io.variable = environment_variable;
  return io;
}

Status print(Io& io, std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), io.out) == text.size();
  if (written && std::fflush(io.out) == 0) return {};
  return {StatusCode::OutputFailed, std::string("cannot write to standard output: ") + std::strerror(errno)};
}

void tell(Io& io, std::string_view line) {
  std::string text = "facet: ";
  // Messages may quote what a file holds; that must not steer the terminal.
  for (const char c : line) text += c == '\n' ? c : printable({&c, 1})[0];
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), io.error);
  std::fflush(io.error);
}

int terminal_width(const Io& io) {
  winsize window{};
  const bool known = ioctl(fileno(io.error), TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
  return known ? window.ws_col : kDefaultWidth;
}

}  // namespace facet::cli
