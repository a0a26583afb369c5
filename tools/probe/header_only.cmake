# CLI11 and nlohmann-json, which are headers alone: those of this machine serve a program for another system too. They are
# linked into a folder of the build, since what lies beside them in this machine's is not for that system.
foreach(library IN ITEMS CLI11:CLI/CLI.hpp nlohmann_json:nlohmann/json.hpp)
    string(REGEX MATCH "([^:]+):(([^/]+)/.+)" matched ${library})
    set(name ${CMAKE_MATCH_1})
    set(header ${CMAKE_MATCH_2})
    set(folder ${CMAKE_MATCH_3})
    find_path(MIO_${name}_HEADERS ${header} NO_CMAKE_FIND_ROOT_PATH REQUIRED
        PATHS /usr/include /usr/local/include DOC "Where ${header} is")
    set(headers ${CMAKE_CURRENT_BINARY_DIR}/headers/${name})
    file(MAKE_DIRECTORY ${headers})
    file(CREATE_LINK ${MIO_${name}_HEADERS}/${folder} ${headers}/${folder} SYMBOLIC)
    add_library(${name} INTERFACE)
    target_include_directories(${name} SYSTEM INTERFACE ${headers})
    add_library(${name}::${name} ALIAS ${name})
endforeach()
