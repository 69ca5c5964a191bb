# cmake -DFACET_BUILD_DIR=... -DFACET_SOURCE_DIR=... -DCXX_COMPILER=... -P install_test.cmake
cmake_minimum_required(VERSION 3.22)
set(work "${FACET_BUILD_DIR}/tests/install/a folder")
set(prefix "${work}/moved here")
file(REMOVE_RECURSE "${work}")

function(run expected)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(NOT status EQUAL expected)
    message(FATAL_ERROR "expected exit status ${expected}, found ${status}: ${ARGN}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(0 "${CMAKE_COMMAND}" --install "${FACET_BUILD_DIR}" --prefix "${work}/prefix")
file(RENAME "${work}/prefix" "${prefix}")

file(GLOB_RECURSE package_files "${prefix}/*.cmake")
foreach(file IN LISTS package_files)
  file(READ "${file}" text)
  string(FIND "${text}" "${FACET_SOURCE_DIR}" place)
  if(NOT place EQUAL -1)
    message(FATAL_ERROR "${file} names the source folder: it works on this machine only")
  endif()
endforeach()

file(COPY "${FACET_SOURCE_DIR}/examples/embed" DESTINATION "${work}")
run(0 "${CMAKE_COMMAND}" -S "${work}/embed" -B "${work}/build" -G Ninja "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
      -DCMAKE_BUILD_TYPE=Release "-DCMAKE_PREFIX_PATH=${prefix}")
run(0 "${CMAKE_COMMAND}" --build "${work}/build")
run(0 "${prefix}/bin/facet" version)

set(embed "${work}/build/embed")  # example_test.cmake runs it with a model
set(picture "${FACET_SOURCE_DIR}/examples/pictures/micrograph.png")
run(2 "${embed}")
run(4 "${embed}" "${work}/no such model.pt" "${picture}" 10 10 "${work}/mask.pgm")
if(NOT output MATCHES "no such model.pt")
  message(FATAL_ERROR "the error does not name the model file")
endif()
