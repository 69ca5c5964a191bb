# FACET_CUDA: NVIDIA's GPUs.
#   OFF       the default: `--device cuda` says that this build has none
#   ON        with the CUDA toolkit, where CMake finds one; else a warning, and OFF
#   EMULATED  the kernels compiled for the CPU, slowly and plainly, so that their logic is tested without a GPU
set(FACET_CUDA OFF CACHE STRING "Run on NVIDIA GPUs: ON, OFF, or EMULATED on the CPU for tests")
set_property(CACHE FACET_CUDA PROPERTY STRINGS ON OFF EMULATED)
set(FACET_CUDA_BACKEND "${FACET_CUDA}")

if(FACET_CUDA_BACKEND STREQUAL "ON")
  find_package(CUDAToolkit 12 QUIET)
  if(CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE)
    if(NOT DEFINED CMAKE_CUDA_COMPILER)
      set(CMAKE_CUDA_COMPILER "${CUDAToolkit_NVCC_EXECUTABLE}")
    endif()
    # Ampere, Ada, Hopper, and code that a driver translates for what comes later.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90)
    endif()
    enable_language(CUDA)
    # Known to nvcc since 12, and to CMake since 3.26.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA_STANDARD 20)
  else()
    message(WARNING "FACET_CUDA is ON and there is no CUDA toolkit of version 12 or later: built without")
    set(FACET_CUDA_BACKEND OFF)
  endif()
elseif(NOT FACET_CUDA_BACKEND MATCHES "^(OFF|EMULATED)$")
  message(FATAL_ERROR "FACET_CUDA is '${FACET_CUDA}'; expected ON, OFF or EMULATED")
endif()

# Emulated kernels are full of fused multiply-adds, a call each where the compiler may not take the processor's own.
if(FACET_CUDA_BACKEND STREQUAL "EMULATED" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  include(CheckCXXSourceRuns)
  check_cxx_source_runs([[int main() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 0 : 1; }]]
                        FACET_EMULATES_WITH_FMA)
  if(FACET_EMULATES_WITH_FMA)
    set(FACET_EMULATION_OPTIONS -mavx2 -mfma)
  endif()
endif()

# facet_add_cuda_sources(TARGET HOST ... KERNELS ... ABSENT ...): what a library has for CUDA: sources for the host's
# compiler, kernels for nvcc, and what stands in where the backend is off.
function(facet_add_cuda_sources target)
  cmake_parse_arguments(arg "" "" "HOST;KERNELS;ABSENT" ${ARGN})
  if(FACET_CUDA_BACKEND STREQUAL "OFF")
    target_sources(${target} PRIVATE ${arg_ABSENT})
    return()
  endif()
  target_sources(${target} PRIVATE ${arg_HOST} ${arg_KERNELS})
  # Kernels' names are short, and meant for their own file.
  set_source_files_properties(${arg_HOST} ${arg_KERNELS} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  if(FACET_CUDA_BACKEND STREQUAL "EMULATED")
    set_source_files_properties(${arg_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas;-fno-strict-aliasing;${FACET_EMULATION_OPTIONS}")
    target_link_libraries(${target} PUBLIC facet_cuda_emulation)
  else()
    target_link_libraries(${target} PRIVATE CUDA::cudart_static CUDA::cublasLt)
  endif()
endfunction()
