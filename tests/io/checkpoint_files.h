#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/checkpoint.h"

namespace facet::io {

/// The containers in tests/io/data that all hold the state dict of expected.json.
inline constexpr const char* kContainers[] = {"zip.pt",          "legacy.pt",     "nested_model.pt",
                                              "nested_extra.pt", "parameters.pt", "plain.safetensors"};

/// The content of tests/io/data/NAME.
std::vector<std::uint8_t> test_file(const std::string& name);
/// The values of expected.json by name.
std::map<std::string, std::vector<float>> expected_values();
/// Succeeds when `checkpoint` holds exactly expected_values(), in the right shapes.
::testing::AssertionResult holds_expected_values(const Checkpoint& checkpoint);
/// Opens `bytes` and reads every tensor both ways, as a program would with a file it got from somewhere.
/// Returns the status of opening.
Status read_everything(std::vector<std::uint8_t> bytes);

}  // namespace facet::io
