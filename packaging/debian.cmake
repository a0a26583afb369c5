# Run by cpack before it makes a package. Completes the files of .deb packages as Debian's policy requires: compressed manual pages,
# a changelog for each package, and zsh's completions where Debian's zsh looks for them, which is not site-functions.
cmake_minimum_required(VERSION 3.28)
if(NOT CPACK_GENERATOR STREQUAL "DEB")
    return()
endif()
find_program(gzip gzip REQUIRED)
# Each component is in a folder of its own.
file(GLOB shares ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share)

foreach(share IN LISTS shares)
    file(GLOB packages RELATIVE ${share}/doc ${share}/doc/*)
    # The seconds since 1970 are SOURCE_DATE_EPOCH, if it is set.
    string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
    foreach(package IN LISTS packages)
        file(WRITE ${share}/doc/${package}/changelog
            "${package} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n"
            "  * Version ${CPACK_PACKAGE_VERSION}; the changes are in CHANGELOG.md of the sources.\n\n"
            " -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
    endforeach()

    file(GLOB files ${share}/man/man*/*.[1-9] ${share}/doc/*/changelog)
    foreach(file IN LISTS files)
        execute_process(COMMAND ${gzip} -9n ${file} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()

    if(EXISTS ${share}/zsh/site-functions)
        file(RENAME ${share}/zsh/site-functions ${share}/zsh/vendor-completions)
    endif()
endforeach()
