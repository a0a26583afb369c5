# Clang on this machine, for another system and against its headers. For tools/portability/check; nothing is linked.
#
#   MIO_HEADERS          the folder libc/include of a Zig, which holds the headers of several systems
#   MIO_HEADER_FOLDERS   which of its folders, in the order in which they are searched
#   CMAKE_SYSTEM_NAME, CMAKE_CXX_COMPILER_TARGET   the system

set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MIO_HEADERS MIO_HEADER_FOLDERS CMAKE_CXX_COMPILER_TARGET)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/toolchain/clang.cmake)

# The C++ library is this machine's libc++: how it is configured fits all of these systems.
get_filename_component(clang ${CMAKE_CXX_COMPILER} REALPATH)
get_filename_component(llvm ${clang}/../.. ABSOLUTE)
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-resource-dir
    OUTPUT_VARIABLE resources OUTPUT_STRIP_TRAILING_WHITESPACE)
set(CMAKE_CXX_FLAGS_INIT "-nostdinc -nostdinc++ -isystem ${llvm}/include/c++/v1 -isystem ${resources}/include")
foreach(folder IN LISTS MIO_HEADER_FOLDERS)
    string(APPEND CMAKE_CXX_FLAGS_INIT " -isystem ${MIO_HEADERS}/${folder}")
endforeach()

# CMake wants these for Apple's systems, and nothing here uses them.
set(CMAKE_INSTALL_NAME_TOOL ${CMAKE_COMMAND})
set(CMAKE_OSX_SYSROOT "")
