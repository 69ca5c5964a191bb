// facet_write_tiny_model FILE: a SAM in miniature for tests that are not written in C++.
#include <cstdio>
#include <filesystem>

#include "e2e/tiny_model.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: facet_write_tiny_model FILE\n");
    return 2;
  }
  std::filesystem::copy_file(facet::e2e::tiny_model(), argv[1],
                             std::filesystem::copy_options::overwrite_existing);
  return 0;
}
