# Cross-compiles for Linux on another processor with Clang and Debian's cross packages of the C and C++ libraries. QEMU's
# user mode runs the programs. For tools/portability/run.
#
#   CMAKE_SYSTEM_PROCESSOR   aarch64, s390x, i686, …; also the name of QEMU's program and of the cross packages

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CMAKE_SYSTEM_PROCESSOR)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/toolchain/clang.cmake)
if(NOT CMAKE_CXX_COMPILER)
    set(CMAKE_CXX_COMPILER $ENV{CXX})
endif()
set(CMAKE_CXX_COMPILER_TARGET ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)

# The libraries of the processor, beside the ones of this machine.
set(mio_libraries /usr/${CMAKE_CXX_COMPILER_TARGET})
set(CMAKE_FIND_ROOT_PATH ${mio_libraries})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

if(CMAKE_SYSTEM_PROCESSOR STREQUAL "i686" AND CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "x86_64")
    # The kernel runs them, unless it is built without IA32_EMULATION. QEMU 7.2 hangs where a thread starts.
    set(CMAKE_CROSSCOMPILING_EMULATOR ${mio_libraries}/lib/ld-linux.so.2 --library-path ${mio_libraries}/lib)
else()
    find_program(MIO_QEMU NAMES qemu-${CMAKE_SYSTEM_PROCESSOR} qemu-${CMAKE_SYSTEM_PROCESSOR}-static
        DOC "Runs the programs" REQUIRED)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${MIO_QEMU} -L ${mio_libraries})
endif()
list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " mio_emulator)
set(MIO_EMULATOR "${mio_emulator}" CACHE INTERNAL "The command that runs a program, for tools/portability/run")
