"""conan_recipe.py SOURCES BUILD PACKAGE: runs packaging/conan/conanfile.py and its test_package with a stand-in for Conan's modules.
The recipe exports its sources to SOURCES. BUILD is a build directory with the recipe's options, already built, so that nothing is
compiled twice; the recipe installs it to PACKAGE. test_package is configured, but not built."""

import glob
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types

recipes = pathlib.Path(__file__).resolve().parents[2] / "packaging/conan"
sources, build, package = sys.argv[1:]
called = []


class InvalidConfiguration(Exception):
    pass


class Version(str):
    def __lt__(self, other):
        return [int(part) for part in self.split(".")] < [int(part) for part in str(other).split(".")]


class ConanFile:
    def tool_requires(self, reference):
        assert "/" in reference

    requires = tool_requires

    def run(self, command, env):
        assert env == "conanrun"
        called.append(os.path.relpath(command, self.cpp.build.bindir))


def copy(recipe, pattern, src, dst):
    found = glob.glob(pattern, root_dir=src, recursive=True)
    assert found, f"nothing matches {pattern}"
    for name in found:
        path = pathlib.Path(src, name)
        target = pathlib.Path(dst, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Conan's patterns are fnmatch's, where * also matches separators.
        shutil.copytree(path, target, dirs_exist_ok=True) if path.is_dir() else shutil.copy(path, target)


class CMakeToolchain:
    def __init__(self, recipe, generator=None):
        assert generator == "Ninja"
        self.recipe, self.cache_variables = recipe, {}

    def generate(self):
        self.recipe.cache_variables = self.cache_variables


class CMake:
    def __init__(self, recipe):
        self.recipe = recipe

    def configure(self):
        called.append("configure")
        if self.recipe is test:
            subprocess.run(
                ["cmake", "-S", recipes / "test_package", "-B", f"{package}.test", "-G", "Ninja", "-DCMAKE_PREFIX_PATH="
                 + ";".join(os.path.join(package, folder) for folder in recipe.cpp_info.builddirs)],
                check=True)
            return
        cache = dict(re.findall(r"^(\w+):\w+=(.*)$", pathlib.Path(build, "CMakeCache.txt").read_text(), re.M))
        for name, value in self.recipe.cache_variables.items():
            wanted = {True: "ON", False: "OFF"}.get(value, value)
            assert cache.get(name) == wanted, f"the recipe sets {name} to {wanted}; {build} has {cache.get(name)}"

    def build(self):
        called.append("build")

    def install(self):
        subprocess.run(["cmake", "--install", build, "--prefix", package], check=True, stdout=subprocess.DEVNULL)


def rmdir(recipe, path):
    assert os.path.isdir(path), f"there is no {path} to remove"
    shutil.rmtree(path)


for name, members in {
    "conan": {"ConanFile": ConanFile},
    "conan.errors": {"ConanInvalidConfiguration": InvalidConfiguration},
    "conan.tools": {},
    "conan.tools.build": {"can_run": lambda recipe: True},
    "conan.tools.cmake": {"CMake": CMake, "CMakeToolchain": CMakeToolchain, "cmake_layout": lambda recipe: None},
    "conan.tools.files": {"copy": copy, "load": lambda recipe, path: pathlib.Path(path).read_text(), "rmdir": rmdir},
    "conan.tools.scm": {"Version": Version},
}.items():
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


def loaded(path, name):
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)()


recipe = loaded(recipes / "conanfile.py", "MetalIo")
test = loaded(recipes / "test_package/conanfile.py", "PackageTest")
recipe.recipe_folder, recipe.export_sources_folder = str(recipes), sources
recipe.set_version()
recipe.export_sources()
listed = pathlib.Path(sources, "CMakeLists.txt").read_text()
assert f"VERSION {recipe.version} " in listed, recipe.version
port = json.loads((recipes.parent / "vcpkg/ports/metal-io/vcpkg.json").read_text())
assert port["version"] == recipe.version, "packaging/vcpkg has another version"

recipe.options = types.SimpleNamespace(fPIC=True, backend="auto")
for compiler, version, accepted in [
    ("clang", "19", True), ("clang", "18", False), ("gcc", "15.2", True), ("gcc", "14", False), ("msvc", "194", True),
    ("msvc", "193", False), ("apple-clang", "17", False),
]:
    recipe.settings = types.SimpleNamespace(
        os="Linux", compiler=type("Compiler", (str,), {"version": version})(compiler))
    refused = False
    try:
        recipe.validate()
    except InvalidConfiguration:
        refused = True
    assert refused != accepted, (compiler, version)
recipe.config_options()
recipe.layout()
recipe.build_requirements()
recipe.source_folder, recipe.package_folder = sources, package
recipe.generate()
recipe.build()
recipe.package()
properties = {}
recipe.cpp_info = types.SimpleNamespace(set_property=properties.__setitem__)
recipe.package_info()
assert properties == {"cmake_find_mode": "none"}
assert {path.stem for path in pathlib.Path(package, "lib").glob("*.a")} == {f"lib{library}" for library in recipe.cpp_info.libs}
assert os.path.exists(os.path.join(package, "licenses/LICENSE"))
assert sorted(os.listdir(os.path.join(package, "share"))) == ["metal-io"], "other files belong in other folders of a Conan package"

test.tested_reference_str = f"metal-io/{recipe.version}"
test.cpp = types.SimpleNamespace(build=types.SimpleNamespace(bindir=f"{package}.test"))
test.requirements()
test.layout()
test.build_requirements()
test.generate()
test.build()
test.test()
assert called == ["configure", "build", "configure", "build", "package_test"], called
assert "package_test:" in subprocess.run(
    ["ninja", "-C", f"{package}.test", "-t", "targets", "all"], check=True, capture_output=True, text=True).stdout
