"""What a researcher may choose in an event study.

What belongs here: the parameters of `event_study`; models, windows and the estimation window are `abnormal_returns`'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le

from ftm_assets.methods.returns.event_windows import Window
from ftm_resources.tables.categories import CONTROLS, FIXED_EFFECTS, THEME_DEFINITIONS, TONES

PATH_FIRST_DAY = -10
"""First day of the paths of returns around calls, and of their pictures."""


@dataclass(frozen=True)
class EventStudyParams:
    """Parameters of the event study."""

    models: list[str] = field(default_factory=list)
    """Models of expected returns to test, of those that abnormal_returns was made with; empty: the last of them"""
    tones: list[str] = field(default_factory=lambda: ["score", "score_given_call"])
    """Measures of tone to test: score, expected_score, score_given_call (with the call's tone about its other themes
    held constant)"""
    definitions: list[str] = field(default_factory=lambda: list(THEME_DEFINITIONS))
    """What themes are made from: quarter (the call's own quarter), known_before (earlier quarters alone)"""
    fixed_effects: list[str] = field(default_factory=list)
    """Effects that the regression takes out: firm, quarter"""
    controls: list[str] = field(default_factory=list)
    """Controls to hold constant, in rows of their own beside those without: sue, log_size, book_to_market, momentum,
    volatility. Events that lack one of these are left out of these rows alone"""
    min_events: Annotated[int, Ge(5)] = 30
    """Events that a series needs to be tested"""
    min_sentences: Annotated[int, Ge(1)] = 1
    """Sentences about the theme that a call needs to be an event of it"""
    pre_event_window: str = "[-10,-2]"
    """Window before the call in which tone should explain nothing"""
    placebo_distance: Annotated[int, Ge(1)] = 10
    """Trading days between a pseudo-event and the firm's calls"""
    known_floor: Annotated[float, Ge(-1), Le(1)] = 0.5
    """Minimum similarity of a topic to a series of earlier quarters, for the definition known_before"""
    draws: Annotated[int, Ge(99)] = 999
    """Bootstrap draws of the step-down p-values"""
    seed: int = 0
    """Seed of pseudo-events and of the bootstrap"""
    pictures: Annotated[int, Ge(0)] = 4
    """Series with a picture on the asset's page: those with the largest t"""
    picture_last_day: Annotated[int, Ge(1)] = 20
    """Last day of event_paths and of the pictures, which begin on day -10"""

    def __post_init__(self) -> None:
        """Reject unknown choices: ValueError."""
        for name, allowed in (
            ("tones", TONES),
            ("definitions", THEME_DEFINITIONS),
            ("fixed_effects", ("firm", "quarter")),
            ("controls", CONTROLS),
        ):
            chosen = getattr(self, name)
            if (unknown := [c for c in chosen if c not in allowed]) or len(set(chosen)) < len(chosen):
                raise ValueError(
                    f"{name} {unknown or chosen}: each must be one of {', '.join(allowed)}, once"
                )
            if not chosen and name not in {"fixed_effects", "controls"}:
                raise ValueError(f"{name} must name at least one")
        if Window.parse(self.pre_event_window).last >= 0:
            raise ValueError(f"pre_event_window {self.pre_event_window} must end before day 0")

    @property
    def effects(self) -> str:
        """The fixed effects, as in the column of that name."""
        return next(e for e in FIXED_EFFECTS if set(e.split(" and ")) == {*(self.fixed_effects or ["none"])})

    @property
    def specifications(self) -> dict[str, tuple[str, ...]]:
        """The controls of each regression of a test, by their names in the column of that name: none first."""
        return {"none": ()} | ({", ".join(self.controls): tuple(self.controls)} if self.controls else {})
