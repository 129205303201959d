"""Names of diagnoses that are known to be benign or malignant, in the words and codes of public data sets."""

import re
import unicodedata

BENIGN, MALIGNANT = 0, 1
MALIGNANT_STEMS = ("malign", "bosartig", "melanom", "carcinom", "karzinom", "sarcom", "lymphom", "metasta", "cancer")
MALIGNANT_WORDS = ("mel", "bcc", "scc", "merkel", "basaliom", "basalioma", "spinaliom", "krebs")
MALIGNANT_PHRASES = ("lentigo maligna", "basal cell", "squamous cell")
BENIGN_STEMS = (
    *("benign", "benin", "gutartig", "nevus", "nevi", "naev", "hemangiom", "haemangiom", "angiokeratom"),
    *("dermatofibrom", "seborr", "lichenoid", "histiocytom", "neurofibrom", "acrochordon", "verruca"),
)
BENIGN_WORDS = (
    "nv",
    "nev",
    "bkl",
    "df",
    "vasc",
    "sk",
    "sek",
    "lplk",
    "wart",
    "warts",
    "angioma",
    "lipoma",
    "mole",
    "moles",
)
BENIGN_PHRASES = (
    "solar lentigo",
    "solar lentigines",
    "lentigo simplex",
    "lentigo nos",
    "vascular lesion",
    "lichen planus",
)
DOUBTS = frozenset(  # words with which the name of a diagnosis says something else
    (
        *("non", "no", "not", "without", "kein", "keine", "nicht", "sans", "pas", "vs", "versus", "or", "oder", "free"),
        *("suspicious", "suspected", "suspect", "possible", "possibly", "probable", "probably", "atypical", "atypia"),
        *(
            "indeterminate",
            "undetermined",
            "uncertain",
            "premalignant",
            "precancerous",
            "precancer",
            "mimic",
            "spitzoid",
        ),
    )
)


def label_of(name: str) -> int | None:
    """Returns 0 if a class is known to be benign, 1 if it is known to be malignant, None if that is not known."""
    text = unicodedata.normalize("NFKD", name.lower().replace("æ", "ae").replace("œ", "oe").replace("ø", "o"))
    words = re.findall(r"[a-z]+", "".join(letter for letter in text if not unicodedata.combining(letter)))
    phrase = " ".join(words)
    if DOUBTS & set(words) or re.search(r"\b(non|pre)(mel|mal|can|benign|nev)", phrase):
        return None
    malignant = _is_one_of(words, phrase, MALIGNANT_STEMS, MALIGNANT_WORDS, MALIGNANT_PHRASES)
    benign = _is_one_of(words, phrase, BENIGN_STEMS, BENIGN_WORDS, BENIGN_PHRASES)
    if malignant == benign:
        return None
    return MALIGNANT if malignant else BENIGN


def _is_one_of(
    words: list[str], phrase: str, stems: tuple[str, ...], whole: tuple[str, ...], phrases: tuple[str, ...]
) -> bool:
    by_stem = any(word.startswith(stem) or (len(stem) > 5 and stem in word) for word in words for stem in stems)
    return by_stem or bool(set(whole) & set(words)) or any(known in phrase for known in phrases)
