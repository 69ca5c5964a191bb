# The installed package: the program, the static libraries, the public headers, facetConfig.cmake.
