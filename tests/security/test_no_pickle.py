"""No stored file is unpickled: what can run code when it is read is read from pipes between processes alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import skinexp

PACKAGE = Path(skinexp.__file__).parent
PIPES = {"core/child_processes.py", "data/preparation/worker_pool.py"}  # whose other end this command started
UNPICKLING = {"pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads", "torch.load"}
UNPICKLING |= {"joblib.load", "pd.read_pickle", "pandas.read_pickle", "shelve.open", "marshal.loads", "dill.load"}
ARRAYS = {"np.load", "numpy.load", "np.lib.format.read_array", "np.lib.npyio.NpzFile"}
MAPS = {"np.lib.format.open_memmap"}  # refuses arrays of objects
UNSAFE_YAML = {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}


def calls() -> Iterator[tuple[str, str, dict[str, ast.expr]]]:
    """File, name and keywords of each call in the package."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                keywords = {item.arg: item.value for item in node.keywords if item.arg}
                yield file.relative_to(PACKAGE).as_posix(), ast.unparse(node.func), keywords


def test_objects_are_unpickled_from_pipes_alone():
    assert {file for file, name, _ in calls() if name in UNPICKLING} <= PIPES


def test_no_array_of_a_file_is_unpickled():
    found = [(file, keywords.get("allow_pickle")) for file, name, keywords in calls() if name in ARRAYS]
    assert found
    for file, allowed in found:
        assert allowed is not None, file
        assert ast.unparse(allowed) == "False", file


def test_no_yaml_makes_objects():
    assert not [file for file, name, _ in calls() if name in UNSAFE_YAML]


def test_no_network_is_loaded_without_safe_mode():
    for file, _, keywords in calls():
        assert "safe_mode" not in keywords or ast.unparse(keywords["safe_mode"]) == "True", file
        assert "allow_pickle" not in keywords or ast.unparse(keywords["allow_pickle"]) == "False", file
        assert "trust_remote_code" not in keywords, file
