"""Public functions say what they do, and texts avoid words that only their authors understand."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "skinexp"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEXTS = [
    *sorted((PACKAGE / "report" / "templates").rglob("*.j2")),
    *sorted((PACKAGE / "cli" / "help").glob("*.txt")),
    *sorted((PACKAGE.parent / "conf").rglob("*.yaml")),
]
THIRD_PERSON = re.compile(r"[A-Z][a-z-]+s[,.]?")  # Returns, Draws, Does, ...
ATTRIBUTES = ("property", "cached_property", "setter")  # decorators of values, which a noun phrase describes
PRIVATE = re.compile(
    r"\b(told|tells|whoever|courier(?!\.log)|dispatch|foreseen|by heart|called malignant|life line|story|separates best"
    r"|nobody|somebody|anybody|everybody|of ours|what became|whatever became|what a person|gravest|blown up)\b",
    re.IGNORECASE,
)


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


def is_attribute(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).rpartition(".")[2] in ATTRIBUTES for decorator in function.decorator_list)


def public_functions(node: ast.AST) -> Iterator[ast.FunctionDef]:
    """Functions of a module and methods of its classes, without functions inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from public_functions(child)
        elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
            yield child


def strings(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_a_docstring_begins_with_what_its_function_does():
    wrong = {}
    for module in MODULES:
        for function in public_functions(ast.parse(module.read_text())):
            docstring = ast.get_docstring(function)
            if docstring and not is_attribute(function) and not THIRD_PERSON.fullmatch(docstring.split()[0]):
                wrong[f"{name_of(module)}:{function.lineno}"] = docstring.splitlines()[0]
    assert wrong == {}


def test_docstrings_and_messages_have_no_private_words():
    found = {
        f"{name_of(module)}: {match[0]}": text
        for module in MODULES
        for text in strings(ast.parse(module.read_text()))
        for match in PRIVATE.finditer(text)
    }
    assert found == {}


def test_pages_help_texts_and_recipes_have_no_private_words():
    found = {name_of(file): match[0] for file in TEXTS for match in PRIVATE.finditer(file.read_text())}
    assert found == {}
