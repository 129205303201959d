"""Findings about images that occur more than once, with the same label or with another."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinexp.data import duplicates
from skinexp.data.audit.finding import SERIOUS, WARNING, Finding
from skinexp.data.duplicates.copy_pairs import NEAR, SAME_FILE, SAME_PIXELS
from skinexp.data.groups import identity_columns, known
from skinexp.data.table import CLASS_NAMES

TURNED = ("flip", "mirror", "turn", "rotat", "crop", "zoom", "brightness", "contrast")  # in the words of a relation
FEWEST_SIBLINGS, SIBLING_SHARE = 20, 0.1  # images, and share of the set, from which it looks augmented on purpose
VERSIONS = 2.5  # images a cluster, on average, from which that is so: a photograph kept twice has two
COPIED = 0.05  # share of the set in near-duplicates from which it is worth looking for cuts and zooms as well
GIANT = 0.1  # share of the set from which one cluster or group is too large to be shared out

KINDS = {  # of a pair: the finding's name, and its sentence
    "same file": ("byte_identical", "are byte-identical to another image"),
    "same pixels": ("pixel_identical", "have the same pixels as another image in another file"),
    "near-duplicate": ("near_duplicates", "show the same photograph as another image, with changes"),
}

Clusters = npt.NDArray[np.int64]


def has_many_copies(pairs: pd.DataFrame, clusters: Clusters) -> bool:
    """Returns whether so many images are near-duplicates that cropped and zoomed copies are likely as well."""
    near = pairs.loc[pairs["kind"] == NEAR, "first"]
    return np.isin(clusters, clusters[near]).sum() > COPIED * len(clusters)


def pair_findings(
    frame: pd.DataFrame, pairs: pd.DataFrame, clusters: Clusters, mode: str = "full", crops: bool = True
) -> list[Finding]:
    """Returns a finding for each kind of pair, and those about the clusters of the whole set.

    Args:
        frame: one row per image: image_id, path, label.
        pairs: positions `first` and `second` in the frame, `kind`, `relation` and `score`.
        clusters: (images,) number of each image's cluster.
        mode: of the audit, quick or full.
        crops: whether cropped and zoomed copies were searched for as well.
    """
    found = []
    for kind, (name, words) in KINDS.items():
        part = pairs[pairs["kind"] == kind]
        if len(part):
            images = len(np.unique(part[["first", "second"]]))
            sentence = f"{images:,} images {words} ({len(part):,} pairs). {_advice(kind, mode, crops)}"
            found.append(Finding(name, WARNING, images, sentence, _pair_rows(frame, part), _shown(part)))
    return [*found, *_siblings(frame, pairs, clusters), *_conflicts(frame, pairs)]


def _advice(kind: str, mode: str, crops: bool) -> str:
    """Returns how a training handles copies of a kind, and which copies it may not detect."""
    counts = "each copy still counts"
    if kind != NEAR:
        return f"With data.split.group=auto they stay in one part of the split; {counts}"
    if mode == "full":
        return f"data.audit=full and data.split.group=auto keep them in one part of the split; {counts}"
    missed = (
        ""
        if crops
        else ". The quick audit does not search for cropped or zoomed copies: data.audit=full finds them too"
    )
    return f"With data.split.group=auto the copies that were found stay in one part of the split; {counts}{missed}"


def _siblings(frame: pd.DataFrame, pairs: pd.DataFrame, clusters: Clusters) -> list[Finding]:
    """Returns at most one finding: that the set looks augmented before it was split."""
    is_turned = [any(word in relation.lower() for word in TURNED) for relation in pairs["relation"]]
    turned = pairs[np.array(is_turned, bool)]
    members = np.unique(clusters[turned[["first", "second"]].to_numpy().ravel()])
    sizes = np.bincount(clusters)
    images, count = int(sizes[members].sum()), len(members)
    if images < max(FEWEST_SIBLINGS, SIBLING_SHARE * len(frame)) or images < VERSIONS * count:
        return []
    sentence = (
        f"{images:,} of {len(frame):,} images are flipped, turned or otherwise changed versions of only {count:,} "
        f"photographs ({images / count:.1f} each): this set looks augmented before it was split. Split by photograph "
        f"(data.split.group=auto); otherwise test images are copies of training images"
    )
    largest = members[np.argsort(-sizes[members], kind="stable")]
    rows = pd.DataFrame(
        {
            "cluster": clusters[position],
            "image_id": frame["image_id"].iloc[position],
            "path": frame["path"].iloc[position],
        }
        for cluster in largest
        for position in np.flatnonzero(clusters == cluster)
    )
    shown = [np.flatnonzero(clusters == cluster).tolist() for cluster in largest[:6]]
    return [Finding("augmented_siblings", WARNING, images, sentence, rows, shown)]


def _contradictory(frame: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs of one image under two labels, with the columns of `pairs`; each image concerned is in one at least.

    Of images that are equal the search compares the first alone with others: what is so of one is so of all.
    """
    labels, sha256 = frame["label"].to_numpy(), frame["sha256"].to_numpy()
    same = duplicates.clusters(len(frame), pairs[pairs["kind"] != NEAR])
    found: dict[tuple[int, int], tuple[str, str, float]] = {}
    of_cluster = pd.Series(labels).groupby(same)
    low, high = of_cluster.transform("min").to_numpy(), of_cluster.transform("max").to_numpy()
    for _, members in pd.Series(np.flatnonzero(low != high)).groupby(same[low != high]):
        for image in members:
            other = int(members[labels[members] != labels[image]].iloc[0])
            kind = SAME_FILE if sha256[image] == sha256[other] else SAME_PIXELS
            found[min(image, other), max(image, other)] = kind, kind, 1.0
    ends = pairs[["first", "second"]].to_numpy()
    differ = low[ends].min(axis=1) != high[ends].max(axis=1)
    for pair in pairs[differ & (pairs["kind"] == NEAR)].itertuples():
        for here, there in ((pair.first, pair.second), (pair.second, pair.first)):
            for image in np.flatnonzero(same == same[here]).tolist():
                partners = np.flatnonzero((same == same[there]) & (labels != labels[image])).tolist()
                for partner in partners[:1]:
                    found[min(image, partner), max(image, partner)] = pair.kind, pair.relation, pair.score
    rows = [(*images, *words) for images, words in sorted(found.items())]
    return pd.DataFrame(rows, columns=list(duplicates.COLUMNS)).astype({"first": np.int64, "second": np.int64})


def _conflicts(frame: pd.DataFrame, pairs: pd.DataFrame) -> list[Finding]:
    differing = _contradictory(frame, pairs)
    if differing.empty:
        return []
    images = len(np.unique(differing[["first", "second"]]))
    sentence = (
        f"{images:,} images occur under both labels ({len(differing):,} pairs): one of the two labels is wrong. "
        f"Correct the labels; until then data.on_conflict=drop leaves the images out"
    )
    rows = _pair_rows(frame, differing)
    return [Finding("same_image_other_label", SERIOUS, images, sentence, rows, _shown(differing))]


def lesion_conflicts(frame: pd.DataFrame) -> Finding | None:
    """Returns the lesions whose images have different labels, if there are any."""
    named = frame.assign(lesion_id=_lesions(frame)).dropna(subset="lesion_id")
    differing = named.groupby("lesion_id")["label"].transform("nunique") > 1
    if not differing.any():
        return None
    rows = named.loc[differing, ["lesion_id", "image_id", "path"]].assign(
        label=[CLASS_NAMES[label] for label in named.loc[differing, "label"]]
    )
    rows = rows.sort_values("lesion_id", kind="stable")
    lesions = rows["lesion_id"].nunique()
    sentence = (
        f"{len(rows):,} images of {lesions:,} lesions have another label than other images of their lesion. "
        f"Correct the labels or the lesion ids; until then data.on_conflict=drop leaves the images out"
    )
    positions = pd.Series(np.arange(len(frame)), frame.index)
    shown = [positions[part.index].tolist() for _, part in rows.groupby("lesion_id", sort=False)][:12]
    return Finding("same_lesion_other_label", SERIOUS, len(rows), sentence, rows, shown)


def conflicting(frame: pd.DataFrame, pairs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Returns (images,) whether an image, or its lesion, occurs under another label as well."""
    found = np.zeros(len(frame), bool)
    found[_contradictory(frame, pairs)[["first", "second"]].to_numpy().ravel()] = True
    by_lesion = frame["label"].groupby(_lesions(frame)).transform("nunique")
    return found | by_lesion.gt(1).fillna(False).to_numpy(bool)


def _lesions(frame: pd.DataFrame) -> pd.Series:
    """Returns (images,) names of the lesions; missing if unknown, or if no column names them."""
    columns = [column for column, what in identity_columns(frame).items() if what == "lesion"]
    return known(frame[columns[0]]) if columns else pd.Series(np.nan, frame.index, dtype=object)


def cases(frame: pd.DataFrame) -> dict[str, npt.NDArray]:
    """Returns (images,) names of the lesions, patients and groups, if there are such columns; missing if unknown.

    A second column of one kind is called by its own name. Column `group` is that of the run, with which a table comes.
    """
    found: dict[str, npt.NDArray] = {}
    for column, what in identity_columns(frame.drop(columns="group", errors="ignore")).items():
        found[str(column) if what in found else what] = known(frame[column]).to_numpy(object)
    return found


def straddling(
    frame: pd.DataFrame, parts: pd.Series, together: Mapping[str, npt.NDArray], name: str, advice: str = ""
) -> Finding | None:
    """Returns the images of one photograph, lesion or patient that are in several parts of a split, if there are any.

    Args:
        frame: one row per image: image_id, path.
        parts: (images,) the part of the split of each image; missing if an image is in none.
        together: what must stay in one part, each as (images,) names of clusters: duplicates, lesions, patients.
            An image whose name is missing is in no cluster.
        name: of the finding.
        advice: what to do.
    """
    test = parts.isin(["test"]).to_numpy()
    counts, rows, shown, torn_any = [], [], [], np.zeros(len(frame), bool)
    for what, names in together.items():
        table = pd.DataFrame({"name": names, "part": parts.to_numpy()}).dropna()
        torn = table.groupby("name")["part"].transform("nunique") > 1
        places = table.index[torn].to_numpy()
        if not len(places):
            continue
        torn_any[places] = True
        ordered = table.loc[places].sort_values("name", kind="stable")
        rows.append(
            pd.DataFrame(
                {
                    what: ordered["name"],
                    "part": ordered["part"],
                    "image_id": frame["image_id"].to_numpy()[ordered.index],
                    "path": frame["path"].to_numpy()[ordered.index],
                }
            )
        )
        shown += [_one_a_part(part) for _, part in ordered.groupby("name", sort=False)][:12]
        counts.append(f"{len(places):,} by {what}")
    if not torn_any.any():
        return None
    tested, all_test = int((torn_any & test).sum()), int(test.sum())
    of_test = f"{tested:,} of {all_test:,} test images have" if all_test else f"{int(torn_any.sum()):,} images have"
    whose = "photograph, lesion or patient" if "patient" in together else "photograph or lesion"
    sentence = (
        f"{of_test} another image of the same {whose} in another part of the split "
        f"({', '.join(counts)}): scores on them are too high"
    )
    sentence += f". {advice}" if advice else ""
    return Finding(name, SERIOUS, int(torn_any.sum()), sentence, pd.concat(rows, ignore_index=True), shown)


def _one_a_part(rows: pd.DataFrame) -> list[int]:
    return rows.drop_duplicates("part").index.tolist()


def _pair_rows(frame: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs in words: ids, paths and labels of both."""
    columns: dict[str, object] = {}
    for side in ("first", "second"):
        rows = frame.iloc[pairs[side]]
        columns |= {
            side: rows["image_id"].to_numpy(),
            f"{side}_label": [CLASS_NAMES[label] for label in rows["label"]],
            f"{side}_path": rows["path"].to_numpy(),
        }
    words = {name: pairs[name].to_numpy() for name in ("kind", "relation", "score")}
    return pd.DataFrame(columns | words)


def _shown(pairs: pd.DataFrame) -> Sequence[Sequence[int]]:
    return pairs[["first", "second"]].head(12).to_numpy().tolist()
