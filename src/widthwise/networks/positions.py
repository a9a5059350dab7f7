"""What layers that read positions have in common."""

from widthwise.networks.layer import Layer
from widthwise.networks.place import Features
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.networks.windows import Window


def positions_of(layer: Layer, features: Features) -> tuple[int, ...]:
    """Return the shape of the positions of one example.

    Raises
    ------
    ValueError
        If an example is one axis of features.
    """
    if len(features.shape) < 2:
        raise ValueError(
            f"{type(layer).__name__} reads positions, but an example has shape {features.shape} "
            "here: give inputs of shape (length, channels) or (height, width, channels)"
        )
    return features.shape[:-1]


def spatial(layer: Layer, state: State) -> SpatialState:
    """Return a state with positions.

    Raises
    ------
    ValueError
        If it has none.
    """
    positions_of(layer, state.features)
    if not isinstance(state, SpatialState):
        raise ValueError(f"{type(layer).__name__} was given {state!r}: give a SpatialState")
    return state


def counts(layer: Layer, features: Features, windows: tuple[Window, ...]) -> tuple[int, ...]:
    """Return the shape of the positions after the windows.

    Raises
    ------
    ValueError
        If a window does not fit on its axis.
    """
    positions = positions_of(layer, features)
    after = tuple(w.count(length) for w, length in zip(windows, positions, strict=True))
    if min(after) < 1:
        raise ValueError(
            f"{type(layer).__name__} has windows of {tuple(w.reach for w in windows)} positions, "
            f"but an example has {positions} here: take smaller ones, or padding 'SAME'"
        )
    return after
