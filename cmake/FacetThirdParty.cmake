# What the library links, found the same way by its build and by the installed facetConfig.cmake: static
# libraries need all of it again when a program is linked. docs/dependencies.md says why each one is here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(TIFF REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
find_package(Protobuf REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

# The library itself: Debian's CMake package of oneDNN also asks for an OpenCL development kit.
find_path(FACET_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(FACET_DNNL_LIBRARY dnnl REQUIRED)
if(NOT TARGET facet_dnnl)
  add_library(facet_dnnl INTERFACE IMPORTED)
  target_include_directories(facet_dnnl SYSTEM INTERFACE "${FACET_DNNL_INCLUDE}")
  target_link_libraries(facet_dnnl INTERFACE "${FACET_DNNL_LIBRARY}")
endif()

# Only OpenCV's core and imgproc: its own CMake package comes with all modules and their hundreds of libraries.
find_path(FACET_OPENCV_INCLUDE opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(FACET_OPENCV_CORE opencv_core REQUIRED)
find_library(FACET_OPENCV_IMGPROC opencv_imgproc REQUIRED)
if(NOT TARGET facet_opencv)
  add_library(facet_opencv INTERFACE IMPORTED)
  target_include_directories(facet_opencv SYSTEM INTERFACE "${FACET_OPENCV_INCLUDE}")
  target_link_libraries(facet_opencv INTERFACE "${FACET_OPENCV_IMGPROC}" "${FACET_OPENCV_CORE}")
endif()
