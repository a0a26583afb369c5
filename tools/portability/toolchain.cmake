# Uses this machine's Clang to compile for another system with that system's headers. For tools/portability/check;
# nothing is linked.
#
#   MIO_ZIG              the directory lib of a Zig installation, with headers of several systems and of libc++
#   MIO_HEADER_FOLDERS   the directories of its libc/include to search, in this order
#   MIO_DEFINITIONS      macros that the compiler defines on that system, or that Zig moved out of its headers
#   CMAKE_SYSTEM_NAME, CMAKE_CXX_COMPILER_TARGET   the system

set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES
    MIO_ZIG MIO_HEADER_FOLDERS MIO_DEFINITIONS CMAKE_CXX_COMPILER_TARGET)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/toolchain/clang.cmake)

if(NOT CMAKE_CXX_COMPILER)
    set(CMAKE_CXX_COMPILER $ENV{CXX})
endif()
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-resource-dir
    OUTPUT_VARIABLE resources OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(CMAKE_CXX_FLAGS_INIT "-nostdinc -nostdinc++ -isystem ${MIO_ZIG}/libcxx/include -isystem ${MIO_ZIG}/libcxxabi/include")
string(APPEND CMAKE_CXX_FLAGS_INIT " -isystem ${resources}/include")
foreach(folder IN LISTS MIO_HEADER_FOLDERS)
    string(APPEND CMAKE_CXX_FLAGS_INIT " -isystem ${MIO_ZIG}/libc/include/${folder}")
endforeach()

# Zig's copy of libc++ has no __config_site. These are libc++'s values on all of these systems.
foreach(definition IN ITEMS
        ABI_VERSION=1 ABI_NAMESPACE=__1 HAS_THREADS=1 HAS_THREAD_API_PTHREAD=1 HAS_THREAD_API_WIN32=0
        HAS_THREAD_API_EXTERNAL=0 HAS_MONOTONIC_CLOCK=1 HAS_TERMINAL=1 HAS_FILESYSTEM=1 HAS_RANDOM_DEVICE=1
        HAS_LOCALIZATION=1 HAS_UNICODE=1 HAS_WIDE_CHARACTERS=1 HAS_TIME_ZONE_DATABASE=0 HAS_MUSL_LIBC=0
        HAS_VENDOR_AVAILABILITY_ANNOTATIONS=0 PSTL_BACKEND_STD_THREAD HARDENING_MODE_DEFAULT=2
        ASSERTION_SEMANTIC_DEFAULT=2)
    string(APPEND CMAKE_CXX_FLAGS_INIT " -D_LIBCPP_${definition}")
endforeach()
foreach(definition IN LISTS MIO_DEFINITIONS)
    string(APPEND CMAKE_CXX_FLAGS_INIT " -D${definition}")
endforeach()

# There are no libraries to link: an executable is an empty file.
set(CMAKE_CXX_LINK_EXECUTABLE "<CMAKE_COMMAND> -E touch <TARGET>")

# CMake requires these for Apple systems, but nothing uses them.
set(CMAKE_INSTALL_NAME_TOOL ${CMAKE_COMMAND})
set(CMAKE_OSX_SYSROOT "")
