"""How texts and names are cut, so that a page of very many can still be sent.

What belongs here: lengths in characters, which a reader sees, and in bytes of UTF-8, which the file has: three for a
character of Chinese.
"""

from __future__ import annotations

NAME_CHARACTERS = 120
"""A longer name, of a firm, theme, series or topic, is cut."""


def cut(text: str, characters: int, n_bytes: int | None = None) -> str:
    """Return a text of at most so many characters, and bytes of UTF-8, with an ellipsis for what is left out.

    It is cut between words, where it has any near the end.

    >>> cut("Freight rates rose again", 16), cut("Freight rates rose", 18)
    ('Freight rates…', 'Freight rates rose')
    >>> cut("运费又上涨了", 60, 12)
    '运费又…'
    """
    whole = len(text) <= characters
    if whole and (n_bytes is None or len(text.encode()) <= n_bytes):
        return text
    short = text[: characters - 1]
    if n_bytes is not None:
        # Bytes of a character that does not fit whole are left out.
        short = short.encode()[: n_bytes - len("…".encode())].decode(errors="ignore")
    head, _, tail = short.rpartition(" ")
    # A word longer than a third of what is left is cut within.
    return f"{(head if head and len(tail) < len(short) / 3 else short).rstrip(' ,;:-–')}…"
