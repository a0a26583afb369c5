# Installed files. The prefix can be moved afterwards.
#
#   bin/mio-probe                 if it was built
#   lib/libmetal-io.a
#   lib/libmetal-io-time.a
#   lib/libmetal-io-async.a
#   lib/cmake/metal-io/           the package: find_package(metal-io) defines metal-io::mio,
#                                 metal-io::time, metal-io::async
#   share/metal-io/modules/       the module interfaces, which every consumer compiles itself
#   include/mio/                  optional headers
#   share/licenses/metal-io/
#
# Compiled interfaces (BMIs) are not installed: they are specific to a compiler and its options, and CMake never uses
# them.

include(CMakePackageConfigHelpers)

set(mio_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/metal-io)

install(TARGETS metal-io-mio metal-io-time metal-io-async EXPORT metal-io
    FILE_SET modules DESTINATION ${CMAKE_INSTALL_DATADIR}/metal-io/modules
    FILE_SET headers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# CXX_MODULES_DIRECTORY: CMake uses the same file names for every export set (CMake issue 25609), so that two export
# sets in one directory would overwrite each other.
install(EXPORT metal-io
    NAMESPACE metal-io::
    FILE metal-ioTargets.cmake
    DESTINATION ${mio_package_dir}
    CXX_MODULES_DIRECTORY cxx-modules)

configure_package_config_file(cmake/metal-ioConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/metal-ioConfig.cmake
    INSTALL_DESTINATION ${mio_package_dir}
    NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/metal-ioConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/metal-ioConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/metal-ioConfigVersion.cmake
    DESTINATION ${mio_package_dir})
install(FILES cmake/Requirements.cmake DESTINATION ${mio_package_dir} RENAME metal-ioRequirements.cmake)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/metal-io)

if(TARGET mio-probe)
    install(TARGETS mio-probe)
endif()
