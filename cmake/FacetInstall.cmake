# The installed package: the program, the static libraries, the public headers and facetConfig.cmake, so that
# another project says find_package(facet) and links facet::facet (examples/embed).
include(CMakePackageConfigHelpers)

set(facet_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/facet")
get_property(facet_libraries GLOBAL PROPERTY FACET_LIBRARIES)

add_library(facet_all INTERFACE)
add_library(facet::facet ALIAS facet_all)
set_target_properties(facet_all PROPERTIES EXPORT_NAME facet)
target_link_libraries(facet_all INTERFACE ${facet_libraries})

if(CMAKE_VERSION VERSION_LESS 3.23)
  install(TARGETS facet_all ${facet_libraries} EXPORT facetTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/facet" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  install(TARGETS facet_all ${facet_libraries} EXPORT facetTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
          FILE_SET public_headers DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
endif()
if(TARGET facet_cuda_emulation)  # a build for tests: the library does not link without
  install(TARGETS facet_cuda_emulation EXPORT facetTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
install(EXPORT facetTargets NAMESPACE facet:: DESTINATION "${facet_package_dir}")
if(TARGET facet)
  install(TARGETS facet RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/facetConfig.cmake.in" facetConfig.cmake
                              INSTALL_DESTINATION "${facet_package_dir}")
# Before 1.0 a minor version may break callers.
write_basic_package_version_file(facetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/facetConfig.cmake" "${PROJECT_BINARY_DIR}/facetConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/FacetThirdParty.cmake"
        DESTINATION "${facet_package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
