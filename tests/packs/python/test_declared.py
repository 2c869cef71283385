"""What requirements files, pyprojects and lock files declare, down to their odd corners."""

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paramedic.packs.python.declared import gather
from paramedic.packs.python.pyproject import from_poetry
from paramedic.packs.python.target import Python
from paramedic.packs.python.wanted import Declared

LINUX = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.2",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_release": "6.1",
    "platform_system": "Linux",
    "platform_version": "1",
    "python_full_version": "3.11.2",
    "platform_python_implementation": "CPython",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def declared(**target) -> Declared:
    return gather(Python(**target), LINUX)


def required(found: Declared) -> list[str]:
    assert found.unclear == []
    return [each.argument for each in found.wanted if each.is_required]


def test_requirements_as_pip_reads_them(write):
    """Comments, continued lines, markers, extras, addresses, options beside a name, includes and constraints."""
    path = write(
        "deps/requirements.txt",
        "\ufeff# comment\n"
        "plain\n"
        "ranged >= 1, < 2  # the last good\n"
        "continued\\\n"
        "  ==1.0 \\\n"
        "  --hash=sha256:abc --hash=sha256:def\n"
        'windows ; sys_platform == "win32"\n'
        'linux ; sys_platform == "linux"\n'
        "extra[one,two]~=3.1\n"
        "address @ https://example.org/a/address-1.0.zip\n"
        "https://example.org/wheels/from_wheel-2.5-py3-none-any.whl\n"
        "git+https://example.org/x.git@main#egg=from-git\n"
        "https://example.org/nameless\n"
        "-r more.txt\n"
        "--requirement=more.txt\n"
        "-climits.txt\n"
        "--index-url https://example.org/simple --no-index\n"
        "-f wheels\n",
    )
    write("deps/more.txt", "-r requirements.txt\nmore\n")
    write("deps/limits.txt", "plain<9\n")
    write("deps/wheels/readme", "")
    found = declared(requirements=(path,))
    assert required(found) == [
        "plain",
        "ranged<2,>=1",
        "continued==1.0",
        "linux",
        "extra[one,two]~=3.1",
        "address @ https://example.org/a/address-1.0.zip",
        "https://example.org/wheels/from_wheel-2.5-py3-none-any.whl",
        "git+https://example.org/x.git@main#egg=from-git",
        "more",
    ]
    by_name = {each.key: each for each in found.wanted if each.is_required}
    assert by_name["continued"].line == 4
    assert by_name["continued"].hashes == ("sha256:abc", "sha256:def")
    assert by_name["more"].source.name == "more.txt"
    assert str(by_name["from-wheel"].specifier) == "==2.5"
    assert [(each.key, each.is_required) for each in found.wanted if not each.is_required] == [("plain", False)]
    assert found.constraints == [path.parent / "limits.txt"]
    assert [(each.option, each.value) for each in found.indexes] == [
        ("--index-url", "https://example.org/simple"),
        ("--no-index", None),
        ("--find-links", str(path.parent / "wheels")),
    ]
    assert "nameless" in found.unnamed[0]


def test_projects_in_folders(write, tmp_path):
    """A folder is the project that it says it is: by its pyproject, its setup.cfg or its setup.py."""
    write("one/pyproject.toml", '[project]\nname = "One.Project"\n')
    write("two/setup.cfg", "[metadata]\nname = two-project\n")
    write("three/setup.py", "from setuptools import setup\nsetup(name='three')\n")
    write("four/readme", "")
    path = write("requirements.txt", f"-e ./one\n./two\n{tmp_path}/three\n-e four\n-e one[extra]\n")
    found = declared(requirements=(path,))
    assert [(each.key, each.is_editable) for each in found.wanted] == [
        ("one-project", True),
        ("two-project", False),
        ("three", False),
        ("one-project", True),
    ]
    assert found.wanted[0].argument == str(tmp_path / "one")
    assert found.wanted[3].extras == {"extra"}
    assert found.unnamed == ["`four` (`requirements.txt` line 4)"]


def test_variables(write, monkeypatch):
    """`${NAME}` is replaced as pip does, and stays where nothing of that name is set."""
    monkeypatch.setenv("SHOP_INDEX", "https://example.org/private")
    found = declared(requirements=(write("requirements.txt", "-i ${SHOP_INDEX}\n--find-links ${NO_SUCH_THING}\n"),))
    assert [each.value for each in found.indexes] == ["https://example.org/private", "${NO_SUCH_THING}"]


@pytest.mark.parametrize(
    "line",
    [
        "basket==",
        "==1",
        "two words",
        "basket>=1 <2",
        "[extra]",
        "basket;nonsense",
        "-r",
        "--index-url",
        "-x",
        "'open -",
    ],
)
def test_broken_lines(write, line):
    """Each is told with its line, and what stands around it counts."""
    found = declared(requirements=(write("requirements.txt", f"before\n{line}\nafter\n"),))
    if line.startswith(("-r", "--index-url")) and not found.unclear:
        pytest.fail("an option without a value")
    assert [each.line for each in found.unclear] == [2]
    assert [each.name for each in found.wanted] == ["before", "after"]


def test_pyproject(write):
    """Dependencies and the groups that are named, each with its line; other groups ask for nothing."""
    path = write(
        "pyproject.toml",
        "[project]\n"
        'requires-python = ">=3.9"\n'
        'dependencies = [\n  "basket>=1",\n  "windows; os_name == \'nt\'",\n]\n'
        "[project.optional-dependencies]\n"
        'Gift_Wrap = ["ribbon"]\nother = ["never"]\n'
        "[dependency-groups]\n"
        'test = ["checker", {include-group = "base"}]\nbase = ["ground"]\n',
    )
    found = declared(pyproject=path, groups=("gift-wrap", "test"))
    assert required(found) == ["basket>=1", "ribbon", "checker", "ground"]
    assert found.wanted[0].line == 4
    assert [(str(spec), who) for spec, who in found.requires_python] == [(">=3.9", "`pyproject.toml`")]


def test_pyproject_that_makes_no_sense(write):
    """Every mistake is told with its line, also the name of a group that is not there."""
    path = write(
        "pyproject.toml",
        '[project]\nrequires-python = "three"\ndependencies = ["ok", "not a requirement", 5]\n'
        '[dependency-groups]\nround = [{include-group = "round"}]\n',
    )
    found = declared(pyproject=path, groups=("round", "absent"))
    assert [each.line for each in found.unclear] == [2, 3, 3, 5, None]
    assert "`absent`" in found.unclear[-1].observed
    assert "`round`" in found.unclear[-1].expected
    broken = declared(pyproject=write("broken.toml", "[project]\nname = \n"))
    assert [(each.line, each.is_whole_file) for each in broken.unclear] == [(2, True)]


def test_pyproject_of_setuptools(write):
    """Dependencies that setuptools takes from a requirements file."""
    path = write(
        "pyproject.toml",
        '[project]\nname = "shop"\ndynamic = ["dependencies"]\n'
        '[tool.setuptools.dynamic]\ndependencies = {file = ["requirements.in"]}\n'
        'optional-dependencies.gift = {file = "gift.in"}\n',
    )
    write("requirements.in", "basket\n")
    write("gift.in", "ribbon\n")
    assert required(declared(pyproject=path)) == ["basket"]


def test_pyproject_of_poetry(write):
    """Poetry's own tables: carets and tildes, tables with options, groups, extras."""
    path = write(
        "pyproject.toml",
        '[tool.poetry.dependencies]\npython = "^3.9"\nbasket = "^1.2"\nhandle = {version = "~2.1", extras = ["soft"]}\n'
        'ribbon = {version = "*", optional = true}\nlocal = {path = "../local"}\nodd = "what is this"\n'
        'windows = {version = "1", markers = "os_name == \'nt\'"}\n'
        '[tool.poetry.extras]\ngift = ["ribbon"]\n'
        '[tool.poetry.group.test.dependencies]\nchecker = "1.0"\n',
    )
    found = declared(pyproject=path, groups=("gift", "test"))
    assert [each.argument for each in found.wanted] == [
        "basket<2,>=1.2",
        "handle[soft]<2.2,>=2.1",
        "ribbon",
        "local",
        "checker==1.0",
    ]
    assert [each.line for each in found.unclear] == [7]
    assert str(found.requires_python[0][0]) == "<4,>=3.9"


@pytest.mark.parametrize(
    ("poetry", "standard"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1", ">=1,<2"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~=1.2", "~=1.2"),
        (">=1, <3", ">=1,<3"),
        ("1.5", "==1.5"),
        ("1.*", "==1.*"),
        ("*", ""),
    ],
)
def test_constraints_of_poetry(poetry, standard):
    """Poetry's short forms mean what its documentation says."""
    assert from_poetry(poetry) == standard


def test_uv_lock(write):
    """Only what the project needs on this machine is asked for: forks, markers, extras and groups are followed."""
    path = write(
        "uv.lock",
        'version = 1\nrequires-python = ">=3.11"\n'
        '[[package]]\nname = "shop"\nversion = "0.1"\nsource = { virtual = "." }\n'
        'dependencies = [{ name = "basket", extra = ["gift"] }, { name = "forked", version = "2.0" },'
        ' { name = "windows", marker = "sys_platform == \'win32\'" }]\n'
        '[package.optional-dependencies]\npretty = [{ name = "paint" }]\n'
        '[package.dev-dependencies]\ntest = [{ name = "checker" }]\n'
        '[[package]]\nname = "basket"\nversion = "1.4"\nsource = { registry = "https://example.org" }\n'
        'dependencies = [{ name = "handle" }, { name = "basket" }]\n'
        '[package.optional-dependencies]\ngift = [{ name = "ribbon" }]\n'
        + "".join(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "https://example.org" }}\n'
            for name, version in [
                ("handle", "1"),
                ("ribbon", "1"),
                ("forked", "1.0"),
                ("forked", "2.0"),
                ("windows", "1"),
                ("paint", "1"),
                ("checker", "1"),
                ("unrelated", "1"),
            ]
        ),
    )
    assert set(required(declared(lock=path))) == {"basket==1.4", "handle==1", "ribbon==1", "forked==2.0"}
    found = declared(lock=path, groups=("pretty", "test"))
    assert {"paint==1", "checker==1"} <= set(required(found))
    basket = next(each for each in found.wanted if each.name == "basket")
    assert basket.line == 13
    assert str(found.requires_python[0][0]) == ">=3.11"


def test_poetry_lock(write):
    """With groups and markers packages are asked for; in older files only their versions count."""
    new = write(
        "new/poetry.lock",
        '[[package]]\nname = "basket"\nversion = "1.4"\noptional = false\ngroups = ["main"]\n'
        '[[package]]\nname = "windows"\nversion = "1"\noptional = false\ngroups = ["main"]\n'
        "markers = \"sys_platform == 'win32'\"\n"
        '[[package]]\nname = "checker"\nversion = "1"\noptional = false\ngroups = ["test"]\n'
        '[[package]]\nname = "both"\nversion = "1"\noptional = false\ngroups = ["main", "test"]\n'
        "markers = {main = \"sys_platform == 'win32'\", test = \"sys_platform == 'linux'\"}\n"
        '[metadata]\nlock-version = "2.1"\npython-versions = "^3.9"\n',
    )
    assert required(declared(lock=new)) == ["basket==1.4"]
    assert required(declared(lock=new, groups=("test",))) == ["basket==1.4", "checker==1", "both==1"]
    old = write(
        "old/poetry.lock",
        '[[package]]\nname = "basket"\nversion = "1.4"\noptional = false\n[metadata]\nlock-version = "2.0"\n',
    )
    found = declared(lock=old)
    assert [(each.argument, each.is_required) for each in found.wanted] == [("basket==1.4", False)]


def test_pylock(write):
    """The standard's own lock file, with markers over groups."""
    path = write(
        "pylock.toml",
        'lock-version = "1.0"\nrequires-python = ">=3.10"\nextras = ["gift"]\ndependency-groups = ["test"]\n'
        'created-by = "hand"\n'
        '[[packages]]\nname = "basket"\nversion = "1.4"\n'
        '[[packages]]\nname = "ribbon"\nversion = "1"\nmarker = "\'gift\' in extras"\n'
        '[[packages]]\nname = "checker"\nversion = "1"\nmarker = "\'test\' in dependency_groups"\n'
        '[[packages]]\nname = "windows"\nversion = "1"\nmarker = "sys_platform == \'win32\'"\n'
        '[[packages]]\nname = "folder"\n',
    )
    assert required(declared(lock=path)) == ["basket==1.4", "folder"]
    assert required(declared(lock=path, groups=("gift", "test"))) == [
        "basket==1.4",
        "ribbon==1",
        "checker==1",
        "folder",
    ]


def test_file_that_locks_nothing(write):
    """A TOML file that is no lock file is told."""
    found = declared(lock=write("pylock.toml", "a = 1\n"))
    assert "locks no package" in found.unclear[0].observed


JUNK = st.text(st.characters(codec="utf-8"), max_size=200)
PIECES = st.lists(
    st.sampled_from(
        [
            "name",
            ">=1",
            "[x]",
            " ; ",
            "-r ",
            "-e ",
            "--hash=",
            "@",
            "://",
            "#egg=",
            "\\\n",
            "\n",
            "${A}",
            "'",
            ".",
            "a.whl",
        ]
    ),
    max_size=30,
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=JUNK | PIECES)
@example(text="-r requirements.txt\n")
@example(text="name @ http://[\n")
@example(text="-r \0\n-f \0\n./\0\n")
@example(text="/" + "x" * 5000 + ".whl\n" + "y" * 5000 + ".whl\n")
@example(text="http://[bad/x.whl\n")
def test_no_requirements_file_is_a_crash(tmp_path: Path, text: str):
    """Whatever stands in a file, it is read or told, with lines that exist."""
    path = tmp_path / "requirements.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = declared(requirements=(path,))
    assert all(
        each.line is None or 1 <= each.line <= text.count("\n") + text.count("\r") + 300 for each in found.unclear
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "version", "file", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["project", "dependencies", "optional-dependencies", "dependency-groups", "tool", "poetry", "group", "extras",
        "package", "packages", "metadata", "lock-version", "source", "requires-python", "gift", "markers", "marker"]  # fmt: skip
TREES = st.recursive(VALUES, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=5), max_leaves=12)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(st.sampled_from(KEYS), TREES, max_size=5))
def test_no_table_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree):
    """Tables of any other shape than the right one are read as far as they make sense."""
    from paramedic.packs.python import toml

    path = tmp_path / "pyproject.toml"
    path.write_text("")
    monkeypatch.setattr(toml.tomllib, "loads", lambda _text: tree)
    declared(pyproject=path, lock=path, groups=("gift",))


def test_the_text_that_interpreters_are_given_is_shipped():
    """It stands beside the code and is no longer than what a command line takes."""
    assert len((files("paramedic.packs.python") / "telling.py").read_text()) < 100_000
