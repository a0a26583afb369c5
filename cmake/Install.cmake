# Installed files. The prefix can be moved afterwards.
#
#   bin/mio-probe                 if it was built, with
#   share/man/man1/                 its manual page, and completions for
#   share/bash-completion/completions/, share/zsh/site-functions/, share/fish/vendor_completions.d/
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
#
# Two components: `probe` is mio-probe with what belongs to it, `development` is the rest.

include(CMakePackageConfigHelpers)

set(mio_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/metal-io)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)

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
    install(TARGETS mio-probe COMPONENT probe)
    if(MIO_FAMILY STREQUAL "unix")
        install(FILES packaging/man/mio-probe.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT probe)
        install(FILES packaging/completions/mio-probe.bash COMPONENT probe
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME mio-probe)
        install(FILES packaging/completions/_mio-probe COMPONENT probe
            DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
        install(FILES packaging/completions/mio-probe.fish COMPONENT probe
            DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
    endif()
endif()

if(PROJECT_IS_TOP_LEVEL)
    include(cmake/Package.cmake)
endif()
