"""Overrides as text: written so that a shell and Hydra read back what is meant, and read as people type them."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, unquote

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*|0|[1-9][0-9]*")  # a class name that can be the end of a key
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")  # text that Hydra takes as it is, unless it is one of
NOT_WORDS = ("null", "true", "false", "nan", "inf")
KEPT = "()[]{}:=, /+@*|?"  # characters in a key of a mapping; a backslash precedes those that have a meaning
LIKE_A_NUMBER = re.compile(r"[+-]?(0|[1-9][\d_]*)(e\d+)?|[+-]", re.IGNORECASE)
ASSIGNMENT = re.compile(r"(?P<key>\+{0,2}[A-Za-z_][\w.]*)=(?P<value>.*)", re.DOTALL)
SWEEP_WORDS = ("-m", "--multirun", "hydra.mode=MULTIRUN")
LABELS = "data.labels"
UNDECIDED = "?"  # in a proposal, a label that the user must decide


def override(key: str, value: str | Sequence[str]) -> str:
    """Returns the word to type for a key and its text, or its list of texts; quoted for the shell if necessary."""
    text = value_text(value) if isinstance(value, str) else f"[{','.join(map(value_text, value))}]"
    return shlex.quote(f"{key}={text}")


def value_text(text: str) -> str:
    """Returns text as a value of an override: in quotation marks, unless Hydra takes it as it is."""
    if WORD.fullmatch(text) and text.lower() not in NOT_WORDS:
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text).replace("${", "\\${")
    end = re.search(r"\\*$", escaped)
    return f'"{escaped}{end[0] if end else ""}"'


def label_overrides(labels: Mapping[str, int | str]) -> str:
    """Returns the words that give classes their labels, for a shell: `+data.labels.nevus=0 +data.labels.melanoma=1`.

    Names that cannot be part of a key are in one mapping, in which `%` and two digits stand for a byte of UTF-8 that
    Hydra does not accept in a name, as in addresses of the web; `class_name` decodes them.
    """
    words = [f"+{LABELS}.{name}={label}" for name, label in labels.items() if NAME.fullmatch(name)]
    rest = [f"{_mapping_key(name)}: {label}" for name, label in labels.items() if not NAME.fullmatch(name)]
    if rest:
        words.append(f"+{LABELS}={{{', '.join(rest)}}}")
    return " ".join(map(shlex.quote, words))


def class_name(key: str) -> str:
    """Returns the name of a class from its key in `data.labels`."""
    return unquote(key) if re.search("%[0-9A-F]{2}", key) else key


def as_meant(words: Iterable[str], types: Mapping[str, str]) -> list[str]:
    """Returns typed overrides in the form that Hydra accepts, if they have another: as people type paths and names.

    A value that Hydra would not accept (`data.path=archive (1)`), or would read as a number (`data.path=2024_01`), is
    put into quotation marks if the key takes text; so are the elements of a list of texts. The name of a class becomes
    a key of a mapping. Nothing else is changed. In a sweep, commas separate values.

    Args:
        words: as they are typed behind a command, without what the shell has removed.
        types: key -> what it takes, in words: `str`, `list[str] or null`.
    """
    words = list(words)
    sweep = any(word in SWEEP_WORDS for word in words)
    return [_as_meant(word, types, sweep) for word in words]


def _as_meant(word: str, types: Mapping[str, str], sweep: bool) -> str:
    typed = ASSIGNMENT.fullmatch(word)
    if typed is None:
        return _with_mapping(word)
    key, value = typed["key"], typed["value"]
    type_ = types.get(key.lstrip("+"), "").partition(" ")[0]
    if type_ == "str" and not (sweep and "," in value):
        return word if _is_read_as(str, word) else f"{key}={value_text(value)}"
    if type_ == "list[str]" and re.fullmatch(r"\[[^\[\]\"']*\]", value) and not _is_read_as(list, word):
        return f"{key}=[{','.join(value_text(item.strip()) for item in value[1:-1].split(','))}]"
    return _with_mapping(word)


def _with_mapping(word: str) -> str:
    """Returns a word that labels a class whose name cannot be part of a key with the name in a mapping."""
    label = re.fullmatch(rf"\+{re.escape(LABELS)}\.(?P<name>.+)=(?P<label>[01])", word, re.DOTALL)
    if label is None or NAME.fullmatch(label["name"]):
        return word
    return f"+{LABELS}={{{_mapping_key(label['name'])}: {label['label']}}}"


def _is_read_as(type_: type, word: str) -> bool:
    """Returns whether Hydra reads the value of a word as text, or as a list of texts; or as null, or as several."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    try:
        (parsed,) = OverridesParser.create().parse_overrides([word])
    except OverrideParseException:
        return False
    value = None if parsed.is_sweep_override() else parsed.value()
    is_text = isinstance(value, (str, list)) and all(isinstance(item, str) for item in value)
    return value is None or (is_text and isinstance(value, type_))


def _mapping_key(name: str) -> str:
    """Returns a class name as a key of a mapping in an override."""
    encoded = "".join(letter if letter in KEPT else quote(letter, safe="_-") for letter in name)
    encoded = encoded.replace(".", "%2E").replace("~", "%7E")
    if name.lower() in NOT_WORDS or LIKE_A_NUMBER.fullmatch(name) or name[0] == " ":
        encoded = f"%{ord(name[0]):02X}{encoded[1:]}"
    encoded = re.sub(" $", "%20", encoded)
    return re.sub(r"([()\[\]{}:=,])", r"\\\1", encoded)
