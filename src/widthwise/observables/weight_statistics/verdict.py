"""What the statistics of a layer say, in words."""

from widthwise.observables.weight_statistics.layer import LayerStatistics
from widthwise.observables.weight_statistics.null import AgainstNull

_LEVEL = 0.001  # of the test on each square matrix: a network has dozens
_MOST = 0.8  # of the kurtosis


def verdict(layer: LayerStatistics) -> str:
    """Return the verdict on a layer in a few words, such as ``heavy tails, 3 outliers``."""
    words = [word for word in (_entries_word(layer), _spectrum_word(layer)) if word]
    return ", ".join(words) or "like noise"


def sentences(layer: LayerStatistics) -> list[str]:
    """Return what the statistics say in plain sentences: entries, spectrum, power law."""
    return [
        *_about_entries(layer),
        *_about_rows(layer),
        *_about_spectrum(layer),
        *_about_tied(layer),
        _about_exponent(layer.power_exponent),
    ]


def _huge_entries(layer: LayerStatistics) -> bool:
    """Whether the outlying entries by themselves make most of the kurtosis."""
    whole = layer.kurtosis
    return whole.beyond_all > 0 and layer.inner_kurtosis.value < (1 - _MOST) * whole.value


def _entries_word(layer: LayerStatistics) -> str:
    if _huge_entries(layer):
        return "huge entries"
    tails = layer.inner_kurtosis.beyond_all or layer.kurtosis.beyond_all
    if tails:
        return "heavy tails" if tails > 0 else "light tails"
    return "skewed entries" if layer.skewness.beyond_all else ""


def _spectrum_word(layer: LayerStatistics) -> str:
    count = layer.spectrum.outliers
    if count:
        return f"{count} outlier" + ("s" if count > 1 else "")
    return "deformed bulk" if layer.bulk_distance.beyond_all > 0 else ""


def _about_entries(layer: LayerStatistics) -> list[str]:
    kurtosis, inner, outliers = layer.kurtosis, layer.inner_kurtosis, layer.entries.outliers
    said = []
    if _huge_entries(layer):
        top = layer.entries.largest[0]
        said.append(
            f"{_entries(outliers)} of {layer.shape[0] * layer.shape[1]:,} lie further out than "
            f"Gaussian ones would, the furthest at row {top.row}, column {top.column}, "
            f"{top.deviations:+.0f} robust standard deviations: they make the excess kurtosis "
            f"{kurtosis.value:.3g}, without them it is {inner.value:.2g}."
        )
    elif kurtosis.beyond_all > 0:
        said.append(
            f"The entries have heavier tails than Gaussian ones: excess kurtosis "
            f"{kurtosis.value:.3g} (noise: {_range(kurtosis)})"
            + (f", {_entries(outliers)} too far out for noise." if outliers else ".")
        )
    elif kurtosis.beyond_all < 0:
        said.append(
            f"The entries have lighter tails than Gaussian ones: excess kurtosis "
            f"{kurtosis.value:.3g} (noise: {_range(kurtosis)}); uniform ones have -1.2."
        )
    elif layer.energy.beyond_all > 0:
        said.append("The entries are not Gaussian, though their kurtosis is.")
    else:
        said.append("The entries cannot be told from Gaussian ones.")
    if layer.quantile_skewness.beyond_all and layer.skewness.beyond_all:
        said.append(f"They are skewed: {layer.skewness.value:.2g}.")
    return said


def _about_rows(layer: LayerStatistics) -> list[str]:
    return [
        f"The means of {name} vary {number.value:.2g} times as much as those of independent "
        f"entries (noise: {_range(number)})."
        for name, number in (("rows", layer.rows), ("columns", layer.columns))
        if number.beyond_all
    ]


def _about_tied(layer: LayerStatistics) -> list[str]:
    if layer.tied is None:
        return []
    words = layer.tied.verdict(_LEVEL)
    return [f"{words[:1].upper()}{words[1:]}, as far as one matrix tells."]


def _about_spectrum(layer: LayerStatistics) -> list[str]:
    spectrum, said = layer.spectrum, []
    if spectrum.outliers:
        ratio = spectrum.singular_values[0] / spectrum.edge
        several = spectrum.outliers > 1
        said.append(
            f"{spectrum.outliers} singular value{'s' if several else ''} of "
            f"{len(spectrum.singular_values)} lie{'' if several else 's'} beyond the bulk of a "
            f"random matrix, the largest at {ratio:.3g} times its edge."
        )
        if layer.shuffled_outliers:
            said.append(
                f"With the same entries in random places {layer.shuffled_outliers} would: those "
                "come from the sizes of entries, not from their places."
            )
    else:
        said.append("No singular value lies beyond the bulk of a random matrix.")
    if layer.bulk_distance.beyond_all > 0:
        said.append(
            f"The bulk is not that of independent entries of one variance: it departs from the "
            f"Marchenko-Pastur law by {layer.bulk_distance.value:.2g} (noise: up to "
            f"{layer.bulk_distance.high:.2g})."
        )
    return said


def _about_exponent(exponent: AgainstNull) -> str:
    usual = "as noise of this shape" if exponent.ordinary else "unlike noise of this shape"
    return f"Power-law exponent {exponent.value:.3g}, {usual} ({_range(exponent)})."


def _entries(count: int) -> str:
    return f"{count:,} entries" if count > 1 else "1 entry"


def _range(number: AgainstNull) -> str:
    return f"{number.low:.3g} to {number.high:.3g}"
