"""Training: the only code of visavis that imports torch.

A recipe is a frozen dataclass of settings and a function that reads from top to bottom: data,
network, loss, loop, export. Its output is a model folder that the engine loads like any other.

What others may import is named here; rooms below may change:

    with ImageIndex.open("shop.index") as index:
        recipe = prepare_triplet(index, "product", None, TripletSettings())
        train(recipe, Path("models/mine"), LoopSettings(epochs=20))

A source (`open_source("shop.csv")`) takes the index's place where there is none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visavis.training.autoencoder.recipe import prepare as prepare_autoencoder
    from visavis.training.autoencoder.settings import AutoencoderSettings
    from visavis.training.joint.recipe import prepare as prepare_joint
    from visavis.training.joint.settings import JointSettings, WordFields
    from visavis.training.loop.recipe import Result, train
    from visavis.training.settings import LoopSettings
    from visavis.training.triplet.recipe import prepare as prepare_triplet
    from visavis.training.triplet.settings import TripletSettings

__all__ = [
    "AutoencoderSettings",
    "JointSettings",
    "LoopSettings",
    "Result",
    "TripletSettings",
    "WordFields",
    "prepare_autoencoder",
    "prepare_joint",
    "prepare_triplet",
    "train",
]

_HOMES = {
    "AutoencoderSettings": "autoencoder.settings",
    "JointSettings": "joint.settings",
    "LoopSettings": "settings",
    "Result": "loop.recipe",
    "WordFields": "joint.settings",
    "TripletSettings": "triplet.settings",
    "prepare_autoencoder": "autoencoder.recipe",
    "prepare_joint": "joint.recipe",
    "prepare_triplet": "triplet.recipe",
    "train": "loop.recipe",
}


def __getattr__(name: str) -> Any:
    # Imported at the first use: torch takes seconds.
    if name in _HOMES:
        home = import_module(f"visavis.training.{_HOMES[name]}")
        return getattr(home, "prepare" if name.startswith("prepare_") else name)
    raise AttributeError(f"module 'visavis.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
