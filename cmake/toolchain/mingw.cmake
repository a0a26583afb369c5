# Cross-compiles for 64-bit Windows with Clang and the headers and libraries of MinGW-w64. Wine runs the programs.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

if(NOT CMAKE_CXX_COMPILER)
    find_program(MIO_CLANG NAMES clang++-22 clang++-21 clang++-20 clang++-19 clang++ DOC "Clang that can build C++ modules")
    if(NOT MIO_CLANG)
        message(FATAL_ERROR "No clang++ on this machine. Install Clang 19 or newer, or run: tools/dev setup --all")
    endif()
    set(CMAKE_CXX_COMPILER ${MIO_CLANG})
endif()
# GoogleTest, which is built with this toolchain, enables C.
string(REPLACE "clang++" "clang" CMAKE_C_COMPILER ${CMAKE_CXX_COMPILER})
# An older linker may reject the compiler's object files.
find_program(MIO_LLD NAMES ld.lld-22 ld.lld-21 ld.lld-20 ld.lld-19 ld.lld DOC "LLVM's linker, 19 or newer")
if(NOT MIO_LLD)
    message(FATAL_ERROR "No ld.lld on this machine. Install lld 19 or newer, or run: tools/dev setup --all")
endif()
set(CMAKE_C_COMPILER_TARGET x86_64-w64-mingw32)
set(CMAKE_CXX_COMPILER_TARGET x86_64-w64-mingw32)
find_program(CMAKE_RC_COMPILER NAMES x86_64-w64-mingw32-windres)
find_program(CMAKE_AR NAMES x86_64-w64-mingw32-ar REQUIRED)
find_program(CMAKE_RANLIB NAMES x86_64-w64-mingw32-ranlib REQUIRED)

# Static, so that the programs run without further files. Clang does not add winpthreads, which std::thread needs.
# Unoptimised objects contain `type_info::operator==`, which is inline in C++23 but not in the static C++ library.
set(CMAKE_EXE_LINKER_FLAGS_INIT "--ld-path=${MIO_LLD} -static -Wl,--allow-multiple-definition")
set(CMAKE_CXX_STANDARD_LIBRARIES_INIT "-lpthread")

# <winnt.h> includes the vector intrinsics of all processors, which is half of what <windows.h> takes to compile. Nothing
# here uses them; these macros are the headers' guards.
add_compile_definitions(__IMMINTRIN_H __X86INTRIN_H)

find_program(MIO_WINE NAMES wine64 wine DOC "Runs the programs")
if(MIO_WINE)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_COMMAND} -E env WINEDEBUG=-all ${MIO_WINE})
endif()

# Find only libraries and headers of MinGW or of this build, never those of this machine.
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
