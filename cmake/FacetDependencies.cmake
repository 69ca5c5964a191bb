# Everything found outside the repository: what the library links, and what only the program, the tests and the
# benchmarks need.
include(FacetThirdParty)
find_package(CLI11 REQUIRED)
if(FACET_SERVICE)
  find_package(Boost 1.74 REQUIRED)
  find_package(spdlog REQUIRED)
  find_package(yaml-cpp REQUIRED)
  pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
endif()

if(FACET_TESTS)
  find_package(GTest REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  include(GoogleTest)
endif()
if(FACET_BENCH)
  find_package(benchmark REQUIRED)
endif()
