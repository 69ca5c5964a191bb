#include <string>
#include <vector>

#include "cli/interrupts.h"
#include "cli/io.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  const facet::cli::Interrupts interrupts;
  facet::cli::Io io = facet::cli::process_io(interrupts.token());
  return facet::cli::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), io);
}
