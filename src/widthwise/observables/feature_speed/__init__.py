"""How fast every layer's features move in one step of training, and why."""

from widthwise.observables.feature_speed.measure import feature_speed as feature_speed
from widthwise.observables.feature_speed.nodes import Node as Node
from widthwise.observables.feature_speed.nodes import find_nodes as find_nodes
from widthwise.observables.feature_speed.speeds import node_speeds as node_speeds
from widthwise.observables.feature_speed.updates import balanced as balanced
