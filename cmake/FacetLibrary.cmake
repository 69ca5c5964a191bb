# facet_add_library(NAME SOURCES ... PUBLIC_HEADERS ... HEADERS ... DEPENDS ... PRIVATE_DEPENDS ...)
# One static library a folder of src/, with the alias facet::NAME. DEPENDS are the folders to its left
# (docs/architecture.md); PRIVATE_DEPENDS are third-party libraries that no header of the folder shows.
# PUBLIC_HEADERS (paths relative to include/) are installed; they and HEADERS (relative to src/) are each compiled
# alone by the target all_verify_interface_header_sets.
function(facet_add_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC_HEADERS;HEADERS;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(target facet_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(facet::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>")
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS}
                                         $<BUILD_INTERFACE:facet_compiler>)
  facet_declare_headers(${target} "${arg_PUBLIC_HEADERS}" "${arg_HEADERS}")
  set_property(GLOBAL APPEND PROPERTY FACET_LIBRARIES ${target})
endfunction()

# Before CMake 3.23 (Ubuntu 22.04) there are no file sets: the folder is installed as it is, nothing is verified.
function(facet_declare_headers target public_headers internal_headers)
  if(CMAKE_VERSION VERSION_LESS 3.23)
    target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                                                "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
    return()
  endif()
  list(TRANSFORM public_headers PREPEND "${PROJECT_SOURCE_DIR}/include/")
  target_sources(${target} PUBLIC FILE_SET public_headers TYPE HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include"
                                  FILES ${public_headers})
  # Only interface sets are verified, and those of an installed target must be installed: hence a target beside it.
  add_library(${target}_internal INTERFACE)
  target_link_libraries(${target}_internal INTERFACE ${target} facet_compiler)
  list(TRANSFORM internal_headers PREPEND "${PROJECT_SOURCE_DIR}/src/")
  target_sources(${target}_internal INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/src"
                                              FILES ${internal_headers})
  set_target_properties(${target} ${target}_internal PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  # Nothing links this target but the verification, which throws its objects away.
  target_compile_options(${target}_internal INTERFACE -O0 -g0)
endfunction()

# facet_add_test(NAME SOURCES ... DEPENDS ... [FILTER PATTERN]): one GoogleTest program a folder of tests/; FILTER picks
# those of its tests that run, as --gtest_filter does. A process a test; of instrumented programs, whose start takes
# a second, eight processes with an eighth of the tests each.
function(facet_add_test name)
  cmake_parse_arguments(arg "" "FILTER" "SOURCES;DEPENDS" ${ARGN})
  if(NOT arg_FILTER)
    set(arg_FILTER "*")
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} facet_test_support facet_compiler)
  # What is tested is optimised; the tests around it compile in two thirds of the time so, and keep line numbers.
  target_compile_options(${name} PRIVATE -O1 -g1)
  if(NOT FACET_SANITIZE)
    gtest_discover_tests(${name} TEST_FILTER "${arg_FILTER}" DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 1200)
    return()
  endif()
  # False alarms of GCC 12 in instrumented code.
  target_compile_options(${name} PRIVATE -Wno-stringop-overflow -Wno-array-bounds)
  if(FACET_SANITIZE STREQUAL "address")
    target_compile_options(${name} PRIVATE -O0)  # compiles in half of the time
  endif()
  set(shares 8)
  foreach(share RANGE 1 ${shares})
    set(test "${name}.${share}of${shares}")
    math(EXPR index "${share} - 1")
    add_test(NAME ${test} COMMAND ${name} "--gtest_filter=${arg_FILTER}")
    # Against hanging for ever; sanitizers slow the goldens down by a factor of ten and more.
    set_tests_properties(${test} PROPERTIES TIMEOUT 10800
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=${shares};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()
