"""Which source of market data or fundamentals goes with which calls: one rule for all that are configured alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from ftm_resources.settings import ReturnsSource

if TYPE_CHECKING:
    from collections.abc import Mapping


def kind_for(
    calls: Mapping[str, Any], kind: str | None, *, variable: str, what: str, source: str
) -> str | None:
    """Return the kind of source for calls of this provenance; None if none is configured.

    `kind` is what is configured; the sample's calls have the sample's data unless it says otherwise. `variable` is its
    setting, `what` the data and `source` how people call their source. ValueError, naming the setting, if the kind is
    unknown, or if other calls were to have the sample's data.
    """
    is_sample = calls.get("name") == "sample"
    kind = kind or ("sample" if is_sample else None)
    if kind not in {None, *get_args(ReturnsSource)}:
        raise ValueError(f"{source} {kind!r}: it must be {', '.join(get_args(ReturnsSource))}")
    if kind == "sample" and not is_sample:
        raise ValueError(
            f"{variable}=sample has the {what} of the sample's firms only, but these calls came from "
            f"{calls.get('name', 'another source')}: set it to files or wrds, or unset it"
        )
    return kind
