#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "cli/io.h"

namespace facet::cli {

/// An Io whose streams are files in memory.
class CapturedIo {
 public:
  CapturedIo() : out_(std::tmpfile(), std::fclose), error_(std::tmpfile(), std::fclose) {
    io.out = out_.get();
    io.error = error_.get();
  }
  [[nodiscard]] std::string out() const { return content(out_.get()); }
  [[nodiscard]] std::string error() const { return content(error_.get()); }
  Io io;

 private:
  static std::string content(std::FILE* file) {
    std::fflush(file);
    std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    return text;
  }
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> error_;
};

}  // namespace facet::cli
