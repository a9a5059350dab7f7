"""Loss against learning rate at several widths or depths: does the best rate stay?"""

from widthwise.observables.transfer.result import Shift as Shift
from widthwise.observables.transfer.result import Transfer as Transfer
from widthwise.observables.transfer.sweep import learning_rate_transfer as learning_rate_transfer
