"""Conan 2 recipe, in the tree that it builds: `conan create packaging/conan` makes the package and runs test_package."""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir
from conan.tools.scm import Version

required_conan_version = ">=2.0"

# The sources of the library; also the contents of the source archive.
SOURCES = ("CMakeLists.txt", "LICENSE", "README.md", "cmake/*", "include/*", "modules/*", "impl/*")


class MetalIo(ConanFile):
    name = "metal-io"
    description = "Non-blocking I/O and readiness polling as C++23 named modules"
    license = "MIT"
    topics = ("epoll", "kqueue", "iocp", "non-blocking", "sockets", "modules")
    package_type = "static-library"  # `export` is not `dllexport`
    settings = "os", "arch", "compiler", "build_type"
    options = {"fPIC": [True, False], "backend": ["auto", "epoll", "poll", "kqueue", "iocp"]}
    default_options = {"fPIC": True, "backend": "auto"}

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "..", "..", "CMakeLists.txt"))
        self.version = re.search(r"project\(metal-io VERSION ([0-9.]+)", text)[1]

    def export_sources(self):
        tree = os.path.join(self.recipe_folder, "..", "..")
        for pattern in SOURCES:
            copy(self, pattern, src=tree, dst=self.export_sources_folder)

    def config_options(self):
        if self.settings.os == "Windows":
            del self.options.fPIC

    def validate(self):
        least = {"clang": "19", "gcc": "15", "msvc": "194"}.get(str(self.settings.compiler))
        if least is None or Version(self.settings.compiler.version) < least:
            raise ConanInvalidConfiguration(
                "metal-io is made of C++ modules, which need Clang 19, GCC 15 or Visual Studio 2022 17.10, or newer")

    def layout(self):
        cmake_layout(self)

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.28 <5]")
        self.tool_requires("ninja/[>=1.11 <2]")

    def generate(self):
        toolchain = CMakeToolchain(self, generator="Ninja")
        toolchain.cache_variables["MIO_INSTALL"] = True
        toolchain.cache_variables["MIO_BUILD_TESTS"] = False
        toolchain.cache_variables["MIO_BUILD_TOOLS"] = False
        toolchain.cache_variables["MIO_BUILD_EXAMPLES"] = False
        toolchain.cache_variables["MIO_BACKEND"] = str(self.options.backend)
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "share", "licenses"))
        rmdir(self, os.path.join(self.package_folder, "share", "doc"))

    def package_info(self):
        # Conan's generated targets cannot describe modules. mio's own CMake package does, so it is the one to be found.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "metal-io")]
        self.cpp_info.libs = ["metal-io-async", "metal-io-time", "metal-io"]
