# Selects the newest GCC on this machine, unless the user specifies a compiler.
if(NOT CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX})
    find_program(MIO_GCC NAMES g++-17 g++-16 g++-15 g++ DOC "GCC that can build C++ modules")
    if(NOT MIO_GCC)
        message(FATAL_ERROR "No g++ on this machine. Install GCC 15 or newer.")
    endif()
    set(CMAKE_CXX_COMPILER ${MIO_GCC})
endif()
