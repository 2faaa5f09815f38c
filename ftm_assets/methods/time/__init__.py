"""Themes through time: which themes of a quarter continue which earlier ones, as known at the end of that quarter."""
