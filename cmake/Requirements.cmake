# What this project cannot be built without, checked where the message can still say what to install.

if(NOT CMAKE_GENERATOR MATCHES "Ninja")
    message(FATAL_ERROR
        "mio is made of C++ named modules, which the generator '${CMAKE_GENERATOR}' cannot build.\n"
        "Install Ninja 1.11 or newer and configure with: cmake -G Ninja …")
endif()

execute_process(COMMAND ${CMAKE_MAKE_PROGRAM} --version
    OUTPUT_VARIABLE mio_ninja_version OUTPUT_STRIP_TRAILING_WHITESPACE)
if(mio_ninja_version VERSION_LESS 1.11)
    message(FATAL_ERROR
        "mio needs Ninja 1.11 or newer for C++ modules; ${CMAKE_MAKE_PROGRAM} is ${mio_ninja_version}.\n"
        "Install a newer ninja (package ninja-build or ninja).")
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "AppleClang")
    message(FATAL_ERROR
        "Apple's Clang has no C++ named modules. Install LLVM's: brew install llvm,\n"
        "then configure with -DCMAKE_CXX_COMPILER=$(brew --prefix llvm)/bin/clang++")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(mio_least_compiler 19) # before, it has no std::expected with libstdc++
    set(mio_compiler_hint "Clang 19 or newer (Debian 12: apt-get install clang-19 clang-tools-19)")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(mio_least_compiler 15)
    set(mio_compiler_hint "GCC 15 or newer, or Clang 19 or newer (Debian 12: apt-get install clang-19 clang-tools-19)")
elseif(MSVC)
    set(mio_least_compiler 19.40)
    set(mio_compiler_hint "Visual Studio 2022 17.10 or newer")
else()
    message(WARNING "mio has not been tried with the compiler ${CMAKE_CXX_COMPILER_ID}.")
    set(mio_least_compiler 0)
endif()
if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS mio_least_compiler)
    message(FATAL_ERROR
        "mio needs ${mio_compiler_hint} for C++ modules;\n"
        "${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}.\n"
        "Name another compiler with -DCMAKE_CXX_COMPILER=…, use a preset of this project, which looks for one, "
        "or let the project install one: tools/dev setup")
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND NOT CMAKE_CXX_COMPILER_CLANG_SCAN_DEPS)
    message(FATAL_ERROR
        "CMake finds no clang-scan-deps beside ${CMAKE_CXX_COMPILER}, and cannot order C++ modules without it.\n"
        "Install it (Debian and Ubuntu: the package clang-tools-<version of the compiler>, Fedora: "
        "clang-tools-extra), or let the project do it: tools/dev setup")
endif()
