"""Which images the words of a command name."""

import io
import os
from pathlib import Path

import pytest

from skinexp.core.errors import UserError
from skinexp.data.sources.named_images import NamedImage, NamedImages, find_images


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """A working directory with photographs, and much that lies beside photographs."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "b.jpg",
        "a.PNG",
        "sub/c.tif",
        "sub/deep/d.webp",
        ".hidden.jpg",
        ".cache/e.jpg",
        "notes.txt",
        "sub/._c.tif",
    ):
        file = Path("photos", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return tmp_path


def find(*words: str, stdin: bytes = b"") -> NamedImages:
    return find_images(words, io.BytesIO(stdin))


def files(*words: str, stdin: bytes = b"") -> list[str]:
    return [image.file for image in find(*words, stdin=stdin).images]


def test_a_folder_stands_for_all_images_below_it_sorted():
    assert files("photos") == ["photos/a.PNG", "photos/b.jpg", "photos/sub/c.tif", "photos/sub/deep/d.webp"]


def test_hidden_files_and_other_suffixes_in_folders_are_counted():
    assert find("photos").ignored == 4


def test_a_file_that_is_named_is_taken_whatever_its_suffix():
    assert files("photos/notes.txt", "photos/.hidden.jpg") == ["photos/notes.txt", "photos/.hidden.jpg"]


def test_files_keep_the_order_in_which_they_were_named():
    assert files("photos/sub/c.tif", "photos/b.jpg") == ["photos/sub/c.tif", "photos/b.jpg"]


def test_a_file_that_is_named_again_is_there_once(place):
    found = find("photos/b.jpg", f"{place}/photos/b.jpg", "photos/sub", "photos")
    assert [image.file for image in found.images].count("photos/b.jpg") == 1
    assert (len(found.images), found.repeated) == (4, 4)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.jpg", ["photos/b.jpg"]),
        ("photos/[ab].*", ["photos/a.PNG", "photos/b.jpg"]),
        ("photos/su?", ["photos/sub/c.tif", "photos/sub/deep/d.webp"]),
        ("photos/**", ["photos/a.PNG", "photos/b.jpg", "photos/sub/c.tif", "photos/sub/deep/d.webp"]),
    ],
)
def test_a_pattern_stands_for_what_matches_it(pattern, expected):
    assert files(pattern) == expected


@pytest.mark.parametrize("name", ["lesion [1].jpg", "*.jpg", "ä ö.jpg", "a?b.jpg", "new\nline.jpg"])
def test_a_file_that_exists_wins_over_a_pattern(name):
    Path(name).write_bytes(b"")
    Path("other.jpg").write_bytes(b"")
    assert files(name) == [name]


def test_a_name_that_is_not_utf8_is_found():
    name = os.fsdecode(b"l\xe4sion.jpg")
    Path("photos", "sub", name).write_bytes(b"")
    assert f"photos/sub/{name}" in files("photos")


@pytest.mark.parametrize(
    "stdin", [b"photos/b.jpg\nphotos/sub\n\n", b"photos/b.jpg\r\nphotos/sub", b"photos/b.jpg\0photos/sub\0"]
)
def test_a_list_on_stdin_names_files_and_folders(stdin):
    assert files("-", stdin=stdin) == ["photos/b.jpg", "photos/sub/c.tif", "photos/sub/deep/d.webp"]


def test_a_path_with_brackets_on_stdin_is_no_pattern():
    found = find("-", "photos/b.jpg", stdin=b"photos/[ab].*\n")
    assert found.images[0] == NamedImage("photos/[ab].*", "no such file")


def test_a_file_that_is_not_there_stays_in_the_table_with_the_reason():
    found = find("photos/b.jpg", "photos/x.jpg", "photos/*.bmp")
    assert [image.error for image in found.images] == [
        None,
        "no such file",
        "no file has this name or matches this pattern",
    ]


def test_a_link_to_a_folder_below_a_folder_is_a_row_that_says_so(place):
    Path("photos/sub/again").symlink_to(place / "photos")
    (link,) = [image for image in find("photos").images if image.error]
    assert (link.file, link.error) == ("photos/sub/again", "a link to a folder that contains it, which is not followed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["typo.jpg"], "predict: found no image. typo.jpg: no such file"),
        (["x.jpg", "y.jpg"], "predict: found no image. x.jpg: no such file; 1 more cannot be read either"),
        (["*.gif"], "predict: found no image. *.gif: no file has this name or matches this pattern"),
        (["empty"], "predict: found no image. Received: empty"),
        (["-"], "predict: found no image. Received: -"),
        (["photos/.cache"], None),
    ],
)
def test_no_image_at_all_is_one_sentence(words, message):
    Path("empty").mkdir()
    if message is None:
        assert files(*words) == ["photos/.cache/e.jpg"]  # a hidden folder that is named is meant
        return
    with pytest.raises(UserError) as refused:
        find(*words)
    assert str(refused.value) == message


def test_the_sentence_counts_what_was_ignored():
    Path("texts").mkdir()
    Path("texts/a.txt").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"Received: texts; 1 files there are hidden, masks or have no suffix of an image \(.jpg,"
    ):
        find("texts")
