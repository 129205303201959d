"""Text between two marks of a document is replaced, and nothing else of it."""

import documents
import pytest

BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"


def test_only_what_lies_between_the_marks_changes(tmp_path):
    before, after = f"# Title\n\n{BEGIN}\n", f"{END}\n\n## Limits\n"
    page = tmp_path / "page.md"
    page.write_text(f"{before}an old table\n{after}")
    documents.replace(page, "scores", "a table\n")
    assert page.read_text() == f"{before}a table\n{after}"


@pytest.mark.parametrize(
    "text", ["no marks", f"{END} {BEGIN}", BEGIN * 2 + END, BEGIN.replace("scores", "seeds") + END]
)
def test_a_page_without_the_marks_is_refused(text):
    with pytest.raises(ValueError, match="needs the lines"):
        documents.replaced(text, "scores", "")
