# Requirements for compiling mio's module interfaces, in this project and in every consumer of an installed mio.
# Therefore this file is installed too, beside the package's config file.

# Sets `result` to a message about the first unmet requirement and its solution, or to an empty string.
function(mio_missing_requirement result)
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)

    set(ninja_version 0)
    if(CMAKE_GENERATOR MATCHES "Ninja")
        execute_process(COMMAND ${CMAKE_MAKE_PROGRAM} --version
            OUTPUT_VARIABLE ninja_version OUTPUT_STRIP_TRAILING_WHITESPACE)
    endif()

    set(least 0)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        set(least 19) # with older versions, libstdc++ disables std::expected
        set(wanted "Clang 19 or newer")
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        set(least 15)
        set(wanted "GCC 15 or newer or Clang 19 or newer")
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL "MSVC")
        set(least 19.40)
        set(wanted "Visual Studio 2022 17.10 or newer")
    endif()

    # message() wraps lines, except those that begin with a space.
    set(missing "")
    if(NOT "CXX" IN_LIST languages)
        string(CONCAT missing
            "mio is a C++ library, and C++ is not enabled in this project.\n"
            "Enable it before mio is looked for:\n"
            "  project(… LANGUAGES CXX)")
    elseif(NOT CMAKE_GENERATOR MATCHES "Ninja")
        # Visual Studio's generators can build modules, but not import those of an installed library.
        string(CONCAT missing
            "mio is made of C++ modules, which CMake cannot build with the generator '${CMAKE_GENERATOR}'.\n"
            "Install Ninja 1.11 or newer and configure an empty build directory with it:\n"
            "  cmake -G Ninja …")
    elseif(ninja_version VERSION_LESS 1.11)
        string(CONCAT missing
            "mio is made of C++ modules, which need Ninja 1.11 or newer; ${CMAKE_MAKE_PROGRAM} is ${ninja_version}.\n"
            "Install a newer one; the package is named ninja-build or ninja.")
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL "AppleClang")
        string(CONCAT missing
            "mio is made of C++ modules, which Apple's Clang cannot build.\n"
            "Install LLVM's (brew install llvm) and configure an empty build directory with it:\n"
            "  cmake -G Ninja -DCMAKE_CXX_COMPILER=$(brew --prefix llvm)/bin/clang++ …")
    elseif(CMAKE_CXX_COMPILER_VERSION VERSION_LESS least)
        string(CONCAT missing
            "mio is made of C++ modules, which need ${wanted}; "
            "${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}.\n"
            "Install one (Debian 12: apt-get install clang-19 clang-tools-19) and configure an empty build directory "
            "with it:\n"
            "  cmake -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 …")
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND NOT CMAKE_CXX_COMPILER_CLANG_SCAN_DEPS)
        string(CONCAT missing
            "mio is made of C++ modules, and CMake finds no clang-scan-deps for ${CMAKE_CXX_COMPILER}, without which "
            "it cannot order them.\n"
            "Install it (Debian, Ubuntu: clang-tools-<version of the compiler>; Fedora: clang-tools-extra) and "
            "configure an empty build directory.")
    endif()
    set(${result} "${missing}" PARENT_SCOPE)
endfunction()
