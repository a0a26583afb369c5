import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout


class PackageTest(ConanFile):
    settings = "os", "arch", "compiler", "build_type"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.28 <5]")
        self.tool_requires("ninja/[>=1.11 <2]")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        CMakeToolchain(self, generator="Ninja").generate()  # its CMAKE_PREFIX_PATH contains the package's builddirs

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def test(self):
        if can_run(self):
            self.run(os.path.join(self.cpp.build.bindir, "package_test"), env="conanrun")
