"""A Hugging Face model's folder on disk; the only file that imports transformers."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

from widthwise.networks.scaling.family import seeded
from widthwise.observables.audit.constructor import Constructor, always

_WIDTH = ("hidden_size", "n_embd", "d_model", "dim")
_WIDE = ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "hidden_dim", "encoder_ffn_dim")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_key_value_heads", "num_heads")
_EXAMPLES, _LENGTH = 8, 16


def read_folder(path: Path) -> tuple[Constructor, Any, tuple[Any, Any] | None, tuple[str, ...]]:
    """Load the model of a folder, and make a constructor of like models of any width.

    Nothing is fetched, and no code in the folder is run.

    Parameters
    ----------
    path
        The folder: ``config.json`` and weights.

    Returns
    -------
    The constructor, the model with its trained weights, a batch of random tokens, and what is to
    be said of it.

    Raises
    ------
    ValueError
        If it is no such folder, or its architecture is unknown.
    ModuleNotFoundError
        Without PyTorch or the package ``transformers``.
    """
    if not (path / "config.json").is_file():
        raise ValueError(
            f"{path} is no Hugging Face folder: it has no config.json. Give such a folder, "
            "file.py:function or package.module:function"
        )
    try:
        import torch
        import transformers
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a Hugging Face folder needs the packages torch and transformers ({error}): "
            "pip install torch transformers"
        ) from None
    names = json.loads((path / "config.json").read_text(encoding="utf-8")).get("architectures")
    name = names[0] if isinstance(names, list) and names else "AutoModel"
    kind = getattr(transformers, str(name), None)
    if kind is None or not isinstance(name, str) or name.startswith("_"):
        raise ValueError(
            f"{path} is of architecture {name!r}, which transformers {transformers.__version__} "
            "does not have: code from the folder is never run. Give file.py:function instead"
        )
    config = transformers.AutoConfig.from_pretrained(path, local_files_only=True)
    transformers.utils.logging.disable_progress_bar()
    try:
        model = kind.from_pretrained(path, local_files_only=True, dtype=torch.float32)
    finally:
        transformers.utils.logging.enable_progress_bar()
    notes = ["weights are trained: rules about starts are left out for them"]
    batch = None
    vocabulary = getattr(config, "vocab_size", None)
    if isinstance(vocabulary, int):
        longest = getattr(config, "max_position_embeddings", None) or _LENGTH
        shape = (_EXAMPLES, min(_LENGTH, longest))
        tokens = np.random.default_rng(0).integers(vocabulary, size=shape)
        batch = ({"input_ids": tokens}, np.roll(tokens, -1, axis=1))
        notes.append(f"no batch was given: {shape[0]} rows of {shape[1]} random tokens")
    wide = next((n for n in _WIDTH if isinstance(getattr(config, n, None), int)), None)
    if wide is None or kind is transformers.AutoModel:
        notes.append("its configuration names no width: no widths were compared")
        return Constructor(always(model)), model, batch, tuple(notes)
    notes.append("widths were compared on new models of its configuration, heads of one size")
    base = int(getattr(config, wide))
    # Some names are others for the same number.
    stored = [n for n in (wide, *_WIDE, *_HEADS) if n in config.to_dict() or n == wide]

    def make(width: int | None, depth: int | None = None, key: Any = None) -> Any:
        del depth
        own = copy.deepcopy(config)
        size = base if width is None else width
        for one in stored:
            value = getattr(own, one, None)
            if isinstance(value, int):
                if value * size % base:
                    raise ValueError(
                        f"width {size} makes {one} of {value} no whole number: give widths that "
                        f"are {base} times or divided by a power of 2"
                    )
                setattr(own, one, value * size // base)
        with seeded(key):
            return kind(own).train()

    return Constructor(make, base, takes_width=True, takes_key=True), model, batch, tuple(notes)
