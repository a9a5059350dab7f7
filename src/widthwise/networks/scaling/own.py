"""The plan of a network that has its own parametrization."""

from widthwise.networks.scaling.plan import Plan, ScaledParameter, column_of
from widthwise.networks.sequential import Sequential


def own_plan(net: Sequential, shape: tuple[int, ...], *, optimizer: str, width: int) -> Plan:
    """Return the learning rates of a network's own table; its models start as they should.

    Parameters
    ----------
    net
        The network.
    shape
        Shape of one example.
    optimizer
        As for :func:`~widthwise.networks.scaling.parametrize`.
    width
        What the network's width is called.
    """
    column = column_of(optimizer)
    rows = tuple(
        ScaledParameter(
            path=row.path,
            shape=row.shape,
            role=row.role,
            init_std=float(row.init_std),
            init_factor=1.0,
            multiplier=1.0,
            learning_rate=getattr(row, column),
            epsilon=1.0,
            weight_decay=1.0,
        )
        for row in net.parameter_table(shape)
    )
    return Plan(rows, net.place.parametrization.name, optimizer, width, None)
