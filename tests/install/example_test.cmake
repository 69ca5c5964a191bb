# cmake -DFACET_BUILD_DIR=... -DFACET_SOURCE_DIR=... -P example_test.cmake
# Runs the example that install_test.cmake has built on a cell of the drawn micrograph, whose outline is known:
# half-axes of 65 and 56 pixels (examples/pictures/draw_micrograph.py --centres).
cmake_minimum_required(VERSION 3.22)
set(work "${FACET_BUILD_DIR}/tests/install/a folder")
if(DEFINED ENV{FACET_SHARED_DIR})
  set(shared "$ENV{FACET_SHARED_DIR}")
else()
  set(shared "${FACET_SOURCE_DIR}/../shared")
endif()
if(NOT EXISTS "${shared}/models/mobile_sam.pt")
  message("example_test.cmake: Skipped\nshared test material is not on this machine: models/mobile_sam.pt\n")
  return()
endif()

execute_process(COMMAND "${work}/build/embed" "${shared}/models/mobile_sam.pt"
                        "${FACET_SOURCE_DIR}/examples/pictures/micrograph.png" 754 155 "${work}/mask.pgm"
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("${output}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "expected exit status 0, found ${status}")
endif()
if(NOT output MATCHES "area ([0-9]+) ")
  message(FATAL_ERROR "the example does not print the mask's area")
endif()
set(area ${CMAKE_MATCH_1})
if(area LESS 10300 OR area GREATER 12600)  # pi * 65 * 56 = 11435, within a tenth
  message(FATAL_ERROR "expected the cell of about 11435 pixels, found a mask of ${area}")
endif()
file(SIZE "${work}/mask.pgm" mask_bytes)
math(EXPR wanted_bytes "1024 * 768 + 16")
if(NOT mask_bytes EQUAL wanted_bytes)
  message(FATAL_ERROR "expected a mask file of ${wanted_bytes} bytes, found ${mask_bytes}")
endif()
