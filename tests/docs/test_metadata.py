"""What is stated about the project in several files agrees."""

import re
import tomllib

import yaml

import skinexp


def test_the_version_is_stated_once_and_cited_as_it_is(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "skinexp/__init__.py"
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert citation["version"] == skinexp.__version__


def test_the_changelog_has_the_version_with_the_date_of_the_citation(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    heading = f"## [{skinexp.__version__}] - {citation['date-released']}"
    changes = (root / "CHANGELOG.md").read_text()
    assert heading in changes.splitlines()
    assert changes.index("## [Unreleased]") < changes.index(heading)


def test_the_citation_has_what_the_format_requires(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == tomllib.loads((root / "pyproject.toml").read_text())["project"]["license"]
    assert {"message", "title", "authors"} <= set(citation)


def test_the_public_ci_tests_each_python_that_is_supported(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lowest, above = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups())
    workflow = yaml.safe_load((root / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["checks"]["strategy"]["matrix"]["python"] == [
        f"3.{minor}" for minor in range(lowest, above)
    ]


def test_the_public_ci_makes_the_checks_that_pre_commit_makes(root):
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    workflow = (root / ".github" / "workflows" / "ci.yml").read_text()
    for hook in hooks:
        assert hook["entry"].removesuffix(" --fix") in workflow
