# Packages, made by cpack in the build directory: a .tar.gz with everything that is installed, and two .deb files, for
# mio-probe and for the library. `tools/dev package` makes them.

set(CPACK_PACKAGE_NAME metal-io)
set(CPACK_PACKAGE_VENDOR "mio for C++")
# A placeholder: Debian's tools cannot parse a changelog whose author has no address.
set(MIO_PACKAGE_CONTACT "The mio for C++ authors <maintainers@metal-io.invalid>" CACHE STRING "Maintainer of the packages, with an address: NAME <ADDRESS>")
mark_as_advanced(MIO_PACKAGE_CONTACT)
set(CPACK_PACKAGE_CONTACT "${MIO_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "mio for C++: non-blocking I/O and readiness polling")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR TGZ)
string(TOLOWER "metal-io-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" CPACK_PACKAGE_FILE_NAME)
set(CPACK_COMPONENTS_ALL development)
if(TARGET mio-probe)
    list(APPEND CPACK_COMPONENTS_ALL probe)
endif()

find_program(MIO_DPKG dpkg)
mark_as_advanced(MIO_DPKG)
if(MIO_DPKG)
    list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian.cmake)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libmetal-io-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "cmake (>= 3.28), ninja-build (>= 1.11)")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "The library, for C++23: static archives, the module interfaces that every
project compiles with its own compiler, and a CMake package.")
set(CPACK_DEBIAN_PROBE_PACKAGE_NAME mio-probe)
set(CPACK_DEBIAN_PROBE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROBE_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROBE_DESCRIPTION "mio-probe shows which readiness events this machine's kernel reports. It
watches sockets, pipes and descriptors, compares the events of epoll and poll
with the documented ones, checks the machine's limits, and measures the cost of
an event.")

# Debian requires the licence under this name.
foreach(mio_part IN ITEMS development probe)
    if(mio_part IN_LIST CPACK_COMPONENTS_ALL AND MIO_DPKG)
        string(TOUPPER ${mio_part} mio_upper)
        install(FILES LICENSE COMPONENT ${mio_part} RENAME copyright
            DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${mio_upper}_PACKAGE_NAME})
    endif()
endforeach()

include(CPack)
