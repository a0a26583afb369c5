# Selects the newest Clang on this machine, unless the user specifies a compiler.
if(NOT CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX})
    find_program(MIO_CLANG NAMES clang++-22 clang++-21 clang++-20 clang++-19 clang++
        HINTS /opt/homebrew/opt/llvm/bin /usr/local/opt/llvm/bin DOC "Clang that can build C++ modules")
    if(NOT MIO_CLANG)
        message(FATAL_ERROR "No clang++ on this machine. Install Clang 19 or newer, or run: tools/dev setup")
    endif()
    set(CMAKE_CXX_COMPILER ${MIO_CLANG})
endif()

# LLVM's linker takes a third of the time of GNU's.
if(CMAKE_CXX_COMPILER)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-prog-name=ld.lld
        OUTPUT_VARIABLE lld OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(IS_ABSOLUTE "${lld}")
        set(CMAKE_EXE_LINKER_FLAGS_INIT -fuse-ld=lld)
        set(CMAKE_SHARED_LINKER_FLAGS_INIT -fuse-ld=lld)
    endif()
endif()
