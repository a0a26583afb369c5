"""conan_recipe.py SOURCES [PREFIX]: runs packaging/conan/conanfile.py with a stand-in for Conan's modules. Exports the recipe's
sources to SOURCES. With PREFIX, where those were installed, checks what the recipe says of the package."""

import glob
import importlib.util
import json
import os
import pathlib
import shutil
import sys
import types

recipes = pathlib.Path(__file__).resolve().parents[2] / "packaging/conan"
sources, prefix = sys.argv[1], sys.argv[2:]


class Anything(types.SimpleNamespace):
    def __init__(self, *arguments, **named):
        super().__init__(cache_variables={})

    def __getattr__(self, name):
        return lambda *arguments, **named: None


class InvalidConfiguration(Exception):
    pass


class Version(str):
    def __lt__(self, other):
        return [int(part) for part in self.split(".")] < [int(part) for part in str(other).split(".")]


class ConanFile:
    def tool_requires(self, reference):
        assert "/" in reference


def copy(recipe, pattern, src, dst):
    found = glob.glob(pattern, root_dir=src, recursive=True)
    assert found, f"nothing matches {pattern}"
    for name in found:
        path = pathlib.Path(src, name)
        target = pathlib.Path(dst, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Conan's patterns are fnmatch's, where * also matches separators.
        shutil.copytree(path, target, dirs_exist_ok=True) if path.is_dir() else shutil.copy(path, target)


toolchains = []


class CMakeToolchain(Anything):
    def __init__(self, recipe, generator=None):
        super().__init__()
        assert generator == "Ninja"
        toolchains.append(self)


for name, members in {
    "conan": {"ConanFile": ConanFile},
    "conan.errors": {"ConanInvalidConfiguration": InvalidConfiguration},
    "conan.tools": {},
    "conan.tools.build": {"can_run": lambda recipe: True},
    "conan.tools.cmake": {"CMake": Anything, "CMakeToolchain": CMakeToolchain, "cmake_layout": lambda recipe: None},
    "conan.tools.files": {"copy": copy, "load": lambda recipe, path: pathlib.Path(path).read_text(), "rmdir": lambda recipe, path: None},
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
recipe.generate()
for option in toolchains[0].cache_variables:
    assert any(option in path.read_text() for path in pathlib.Path(sources).rglob("*CMake*")) or any(
        option in path.read_text() for path in pathlib.Path(sources, "cmake").glob("*.cmake")), f"no option {option}"

test = loaded(recipes / "test_package/conanfile.py", "PackageTest")
test.build_requirements()
test.generate()

if prefix:
    properties = {}
    recipe.cpp_info = types.SimpleNamespace(set_property=properties.__setitem__)
    recipe.package_info()
    assert properties == {"cmake_find_mode": "none"}
    for folder in recipe.cpp_info.builddirs:
        assert os.path.exists(os.path.join(prefix[0], folder, "metal-ioConfig.cmake")), folder
    for library in recipe.cpp_info.libs:
        assert os.path.exists(os.path.join(prefix[0], "lib", f"lib{library}.a")), library
