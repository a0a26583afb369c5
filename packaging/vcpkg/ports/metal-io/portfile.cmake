# An overlay port: it builds the tree that it is in. A port for a registry replaces the next line by
#   vcpkg_from_github(OUT_SOURCE_PATH SOURCE_PATH REPO … REF v${VERSION} SHA512 …)
cmake_path(SET SOURCE_PATH NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../../..")

# `export` is not `dllexport`.
vcpkg_check_linkage(ONLY_STATIC_LIBRARY)
vcpkg_check_features(OUT_FEATURE_OPTIONS features FEATURES tools MIO_BUILD_TOOLS)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        ${features}
        -DMIO_INSTALL=ON
        -DMIO_BUILD_TESTS=OFF
        -DMIO_BUILD_EXAMPLES=OFF)
vcpkg_cmake_install()

# vcpkg_cmake_config_fixup takes only files named *-debug.cmake from the debug build; those of modules end in -Debug.cmake.
set(config_dir lib/cmake/metal-io)
file(GLOB debug_modules "${CURRENT_PACKAGES_DIR}/debug/${config_dir}/cxx-modules/*-Debug.cmake")
if(debug_modules)
    file(COPY ${debug_modules} DESTINATION "${CURRENT_PACKAGES_DIR}/${config_dir}/cxx-modules")
endif()
vcpkg_cmake_config_fixup(PACKAGE_NAME metal-io CONFIG_PATH ${config_dir})
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/share" "${CURRENT_PACKAGES_DIR}/debug/include")

if("tools" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES mio-probe AUTO_CLEAN)
endif()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses" "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
