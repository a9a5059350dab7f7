"""Pictures of series of checkpoints that are not all of one network."""

import matplotlib.pyplot as plt
import numpy as np

from widthwise.observables import survey
from widthwise.observables.weight_statistics import changes
from widthwise.report.weights_figures import weights_pictures


def test_a_last_checkpoint_of_another_width_shares_no_matrix(tmp_path):
    rng = np.random.default_rng(0)
    surveys = []
    for number, width in enumerate((12, 12, 16)):
        path = tmp_path / f"network_{number}.npz"
        np.savez(path, w=rng.standard_normal((width, 20)))
        surveys.append(survey(path, draws=19))
    steps = [changes(surveys[0], later) for later in surveys[1:]]
    assert [len(step) for step in steps] == [1, 0]
    pictures = weights_pictures(surveys[-1], steps)
    assert pictures[-1].data is not None
    assert pictures[-1].data.moved.shape == (2, 1)
    assert np.isnan(pictures[-1].data.moved.values[1, 0])
    plt.close("all")
