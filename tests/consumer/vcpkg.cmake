# Runs the vcpkg port with a stand-in for vcpkg's functions:
#
#   cmake -DBUILD=… [-DDEBUG_BUILD=…] -DPREFIX=… -P vcpkg.cmake
#
# BUILD, and DEBUG_BUILD if given, are build directories that are already built with the port's options; the port
# installs them to PREFIX. vcpkg_cmake_config_fixup is real if REAL_FIXUP names vcpkg's own file of that function.
cmake_minimum_required(VERSION 3.28)

set(port ${CMAKE_CURRENT_LIST_DIR}/../../packaging/vcpkg/ports/metal-io)
set(PORT metal-io)
set(FEATURES core)
set(CURRENT_PACKAGES_DIR ${PREFIX})
set(CURRENT_INSTALLED_DIR /no/such/installed)
if(NOT DEBUG_BUILD)
    set(VCPKG_BUILD_TYPE release)
endif()

macro(called function)
    set_property(GLOBAL APPEND PROPERTY called ${function})
endmacro()

function(vcpkg_check_linkage)
    called(vcpkg_check_linkage)
endfunction()

function(vcpkg_check_features)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" OUT_FEATURE_OPTIONS FEATURES)
    list(GET arg_FEATURES 1 option)
    set(${arg_OUT_FEATURE_OPTIONS} -D${option}=OFF PARENT_SCOPE)
endfunction()

# BUILD provides what the port downloads.
function(vcpkg_cmake_configure)
    called(vcpkg_cmake_configure)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" SOURCE_PATH OPTIONS)
    if(NOT EXISTS ${arg_SOURCE_PATH}/modules/mio.cppm)
        message(FATAL_ERROR "no sources in ${arg_SOURCE_PATH}")
    endif()
    foreach(build IN ITEMS ${BUILD} ${DEBUG_BUILD})
        load_cache(${build} READ_WITH_PREFIX cached_
            MIO_INSTALL MIO_BUILD_TESTS MIO_BUILD_TOOLS MIO_BUILD_EXAMPLES)
        foreach(option IN LISTS arg_OPTIONS)
            string(REGEX REPLACE "^-D([A-Z_]+)=.*$" "\\1" name "${option}")
            if(NOT option STREQUAL "-D${name}=${cached_${name}}")
                message(FATAL_ERROR "the port asks for ${option}; ${build} has ${cached_${name}}")
            endif()
        endforeach()
    endforeach()
endfunction()

function(vcpkg_cmake_install)
    called(vcpkg_cmake_install)
    execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}
        OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    if(DEBUG_BUILD)
        execute_process(COMMAND ${CMAKE_COMMAND} --install ${DEBUG_BUILD} --prefix ${PREFIX}/debug
            OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    endif()
endfunction()

if(REAL_FIXUP)
    include(${REAL_FIXUP})
else()
    # Moves the package's files to where every port has them, two directories below the prefix.
    function(vcpkg_cmake_config_fixup)
        cmake_parse_arguments(PARSE_ARGV 0 arg "" "PACKAGE_NAME;CONFIG_PATH" "")
        if(NOT EXISTS ${PREFIX}/${arg_CONFIG_PATH})
            message(FATAL_ERROR "there is no ${arg_CONFIG_PATH}")
        endif()
        file(GLOB files ${PREFIX}/${arg_CONFIG_PATH}/*)
        file(COPY ${files} DESTINATION ${PREFIX}/share/${arg_PACKAGE_NAME})
        file(REMOVE_RECURSE ${PREFIX}/lib/cmake)
        file(GLOB files ${PREFIX}/share/${arg_PACKAGE_NAME}/*.cmake)
        foreach(file IN LISTS files)
            file(READ ${file} text)
            string(REPLACE "/../../../\" ABSOLUTE" "/../../\" ABSOLUTE" text "${text}")
            set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
            string(REPLACE "${up}${up}${up}" "${up}${up}" text "${text}")
            file(WRITE ${file} "${text}")
        endforeach()
    endfunction()
endif()

function(vcpkg_install_copyright)
    called(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" FILE_LIST)
    file(INSTALL ${arg_FILE_LIST} DESTINATION ${PREFIX}/share/${PORT} RENAME copyright)
endfunction()

include(${port}/portfile.cmake)

get_property(called GLOBAL PROPERTY called)
foreach(function IN ITEMS vcpkg_check_linkage vcpkg_cmake_configure vcpkg_cmake_install vcpkg_install_copyright)
    if(NOT function IN_LIST called)
        message(FATAL_ERROR "the port does not call ${function}")
    endif()
endforeach()
# Errors of vcpkg's post-build checks, and files that ports do not have.
foreach(refused IN ITEMS debug/share debug/include lib/cmake share/licenses share/doc)
    if(EXISTS ${PREFIX}/${refused})
        message(FATAL_ERROR "the port leaves ${refused}")
    endif()
endforeach()
