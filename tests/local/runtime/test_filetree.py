"""Paths and trees, without running anything."""

from pathlib import Path

from expander.local.runtime.filetree import Tree, clean, innermost, resolve


def test_paths_are_cleaned_without_leaving_the_root() -> None:
    assert [clean(path) for path in ("a//b/", "/../x", "//y/./z", "")] == ["/a/b", "/x", "/y/z", "/"]


def test_the_innermost_folder_wins() -> None:
    assert innermost("/a/b/c", ["/", "/a", "/a/b", "/a/bc"]) == "/a/b"
    assert innermost("/ab", ["/a"]) is None


def test_links_are_followed_as_the_container_sees_them(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("/run")
    (tmp_path / "var" / "up").symlink_to("../../../run")
    (tmp_path / "loop").symlink_to("loop")
    assert resolve(str(tmp_path), "/var/run/x/y") == "/run/x/y"
    assert resolve(str(tmp_path), "/var/up") == "/run"
    assert resolve(str(tmp_path), "/loop/x") == "/loop/x"
    assert resolve(str(tmp_path), "/none/../x") == "/x"


def test_only_what_must_be_is_covered(tmp_path: Path) -> None:
    for name in ("usr/local/bin", "proc", "dev", "tmp", "etc"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc" / "hosts").touch()
    (tmp_path / "bin").symlink_to("usr/bin")
    root = str(tmp_path)
    assert Tree(root, ["/etc/hosts", "/tmp/x", "/usr/local"]).base() == ["--ro-bind", root, "/"]
    tree = Tree(root, ["/usr/local/a/b", "/usr/local/a/b/c"])
    assert tree.covered == ["/usr/local"]
    assert tree.base() == [
        *("--ro-bind", root, "/", "--tmpfs", "/usr/local"),
        *("--ro-bind-try", f"{root}/usr/local/bin", "/usr/local/bin"),
        *("--perms", "0755", "--dir", "/usr/local/a"),
    ]
    assert tree.seal() == ["--remount-ro", "/usr/local"]
    assert Tree(root, ["/new"]).base() == [
        *("--tmpfs", "/", "--symlink", "usr/bin", "/bin"),
        *("--ro-bind-try", f"{root}/etc", "/etc", "--ro-bind-try", f"{root}/usr", "/usr"),
    ]


def test_a_root_without_the_usual_folders_gets_them(tmp_path: Path) -> None:
    assert Tree(str(tmp_path), []).covered == ["/"]
