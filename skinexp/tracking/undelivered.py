"""What of a run's records is not delivered, why, and the command that delivers it, for log and terminal."""

from skinexp.core.number_format import counted
from skinexp.core.python_command import skinexp_command
from skinexp.tracking.outbox import Outbox
from skinexp.tracking.store_address import shown_uri


def undelivered(outbox: Outbox, uri: str, moved: bool = False) -> str:
    """Returns what is not delivered, with the store's reasons if it refuses single records, and the command to repeat.

    Args:
        outbox: with records that are left.
        uri: address of the store.
        moved: whether this is another store than the run began with, so that the command has to name it.
    """
    left = outbox.left
    are, stay, them = ("is", "stays", "it") if left == 1 else ("are", "stay", "them")
    reasons: dict[str, list[str]] = {}
    for held in outbox.delivered().held:
        reasons.setdefault(held.why, []).append(held.what)
    why = "".join(f". {', '.join(dict.fromkeys(what))}: {reason}" for reason, what in reasons.items())
    command = sync_command(outbox, uri if moved else None)
    return (
        f"{counted(left, 'record')} {are} not delivered to {shown_uri(uri)} and {stay} in the outbox{why}. "
        f"To deliver {them}: {command}"
    )


def sync_command(outbox: Outbox, uri: str | None = None) -> str:
    """Returns the command that delivers an outbox, to another store if one is given."""
    return skinexp_command("sync", str(outbox.place), *(["--uri", uri] if uri else []))
