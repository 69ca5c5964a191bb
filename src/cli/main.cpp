#include <string>
#include <vector>

#include "cli/interrupts.h"
#include "cli/io.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  facet::cli::Interrupts interrupts;
  facet::cli::Io io = facet::cli::process_io(interrupts.token());
  io.allow_long_end = [&interrupts] { interrupts.allow_long_end(); };
  return facet::cli::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), io);
}
