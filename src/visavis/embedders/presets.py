"""Published networks that `visavis models add NAME` knows how to fetch.

Nothing of them ships with visavis. Revisions are pinned, and sizes and SHA-256 are checked, where
they are known; for the others the hub is asked before the download.
"""

from dataclasses import dataclass, field
from types import MappingProxyType

from visavis.embedders.layouts import TextFacts
from visavis.embedders.spec import PreprocessSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository; size in bytes and SHA-256 where they are known."""

    path: str
    size: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Without the folders before it."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Preset:
    """A network on the hub, and how to make a model folder of it."""

    name: str
    repo: str
    vision: HubFile
    license: str
    about: str = ""
    revision: str | None = None
    """A commit; None: the newest, looked up before the download."""
    output: str | None = None
    """The tensor; None: found by `default_output`."""
    pool: str | None = None
    """None: average for a map, none for anything else."""
    preprocess: PreprocessSpec | None = None
    """None: read from preprocessor_config.json or preprocess.json among `extras`."""
    text: HubFile | None = None
    reads: TextFacts | None = None
    """How the text side wants its tokens; None: read from tokenizer.json and config.json."""
    prompt: str = "{}"
    extras: tuple[HubFile, ...] = field(default=())
    """preprocessor_config.json, tokenizer.json, config.json, weights in a second file."""
    non_commercial: bool = False

    @property
    def files(self) -> tuple[HubFile, ...]:
        """All files that are fetched."""
        text = () if self.text is None else (self.text,)
        return (self.vision, *text, *self.extras)


_CONFIG = HubFile("preprocessor_config.json")
_TOKENIZER = HubFile("tokenizer.json")
_CLIP = PreprocessSpec(224, "shortest", "center", "bicubic", "RGB", CLIP_MEAN, CLIP_STD)
_CLIP_TEXT = TextFacts(77)
_IMAGENET = PreprocessSpec(
    224, "shortest", "center", "bilinear", "RGB", IMAGENET_MEAN, IMAGENET_STD, resize_to=256
)

_ALL = (
    Preset(
        name="clip-vit-b32",
        repo="Xenova/clip-vit-base-patch32",
        revision="d15189d7028b43f1d3e65039190477f6af591c2a",
        license="MIT",
        about="CLIP ViT-B/32: pictures and words, 512 numbers",
        vision=HubFile(
            "onnx/vision_model.onnx",
            sha256="fd6e1402a588279d1723c7534d4bcba5bc0b14b47dfab0e46f8c47b8270d7d40",
        ),
        text=HubFile(
            "onnx/text_model.onnx",
            sha256="3f6571f5bad13a97c469c1622e1cfc4d9aef78b79fdbfcff804ca357bfada8cc",
        ),
        extras=(_TOKENIZER,),
        preprocess=_CLIP,
        output="image_embeds",
        reads=_CLIP_TEXT,
        prompt="a photo of {}",
    ),
    Preset(
        name="clip-vit-b32-int8",
        repo="Xenova/clip-vit-base-patch32",
        revision="d15189d7028b43f1d3e65039190477f6af591c2a",
        license="MIT",
        about="the same with 8-bit weights: a quarter of the size",
        vision=HubFile(
            "onnx/vision_model_quantized.onnx",
            sha256="583fd1110a514667812fee7d684952aaf82a99b959760c8d7dca7e0ab9839299",
        ),
        text=HubFile(
            "onnx/text_model_quantized.onnx",
            sha256="73baab855d406190da9faa498cfedf65f15cf309f4cc7385b7b032e6d08e5c3a",
        ),
        extras=(_TOKENIZER,),
        preprocess=_CLIP,
        output="image_embeds",
        reads=_CLIP_TEXT,
        prompt="a photo of {}",
    ),
    Preset(
        name="clip-vit-b16",
        repo="Xenova/clip-vit-base-patch16",
        license="MIT",
        about="CLIP ViT-B/16: pictures and words, 512 numbers, finer than B/32 and slower",
        vision=HubFile("onnx/vision_model.onnx", 345_060_583),
        text=HubFile("onnx/text_model.onnx", 254_058_553),
        extras=(_TOKENIZER,),
        preprocess=_CLIP,
        output="image_embeds",
        reads=_CLIP_TEXT,
        prompt="a photo of {}",
    ),
    Preset(
        name="clip-vit-b16-int8",
        repo="Xenova/clip-vit-base-patch16",
        license="MIT",
        about="the same with 8-bit weights: a quarter of the size",
        vision=HubFile("onnx/vision_model_quantized.onnx", 87_461_602),
        text=HubFile("onnx/text_model_quantized.onnx", 64_504_507),
        extras=(_TOKENIZER,),
        preprocess=_CLIP,
        output="image_embeds",
        reads=_CLIP_TEXT,
        prompt="a photo of {}",
    ),
    Preset(
        name="siglip2-b16",
        repo="onnx-community/siglip2-base-patch16-224-ONNX",
        license="Apache-2.0",
        about="SigLIP 2 base: pictures and words in many languages, 768 numbers, 8-bit",
        vision=HubFile("onnx/vision_model_int8.onnx", 94_553_333),
        text=HubFile("onnx/text_model_int8.onnx", 283_438_275),
        extras=(_TOKENIZER,),
        preprocess=PreprocessSpec(224, "squash", "none", "bilinear", "RGB", HALF, HALF),
        output="pooler_output",
        # "transforming the text to lower case", SigLIP 2, section 2; the template of its processor
        reads=TextFacts(64, pad=0, lower=True),
        prompt="this is a photo of {}.",
    ),
    Preset(
        name="mobileclip-s0",
        repo="Xenova/mobileclip_s0",
        revision="757d59c9c6870a76a4b0306f05f5061bca15c39f",
        license="non-commercial, see the repository",
        about="MobileCLIP S0: pictures and words, 512 numbers, small and fast",
        non_commercial=True,
        vision=HubFile(
            "onnx/vision_model.onnx",
            45_543_630,
            "17d3c037b1d488c10c50e09f6009ea5a198caef4e0e8f4ea5617b7cb2d067ac0",
        ),
        text=HubFile(
            "onnx/text_model_int8.onnx",
            42_799_230,
            "fc8d87978623385c17a46331ffb9cb5ab7fe8b61c513c094602b85f08edd0a0b",
        ),
        extras=(_CONFIG, _TOKENIZER),
        reads=TextFacts(77, pad=0),  # the length is fixed, and Apple trained it on zeros
        prompt="a photo of {}",
    ),
    Preset(
        name="dinov2-small",
        repo="onnx-community/dinov2-small",
        revision="8b1f705a3a7f6f062f6bdd21986c1583d3ef105d",
        license="Apache-2.0",
        about="DINOv2 small: the same object and near duplicates, 384 numbers",
        vision=HubFile(
            "onnx/model.onnx",
            88_532_934,
            "f22797eabf810a75e41de68d378541ebea372122b25c4ce3ef25ff618250c20a",
        ),
        preprocess=PreprocessSpec(
            224, "shortest", "center", "bicubic", "RGB", IMAGENET_MEAN, IMAGENET_STD, resize_to=256
        ),
        output="last_hidden_state",  # pool "none" takes its first, the class token
    ),
    Preset(
        name="resnet50",
        repo="Qdrant/resnet50-onnx",
        license="Apache-2.0",
        about="ResNet-50: kinds of things, 2048 numbers",
        vision=HubFile("model.onnx"),
        extras=(_CONFIG,),
    ),
    Preset(
        name="vgg16",
        repo="onnxmodelzoo/legacy_models",
        license="see the repository",
        about="VGG-16: the layer before the classifier, 4096 numbers; large and slow",
        vision=HubFile("validated/vision/classification/vgg/model/vgg16-12.onnx"),
        preprocess=_IMAGENET,
    ),
    Preset(
        name="vgg16-int8",
        repo="onnxmodelzoo/legacy_models",
        license="see the repository",
        about="the same with 8-bit weights: a quarter of the size",
        vision=HubFile("validated/vision/classification/vgg/model/vgg16-12-int8.onnx"),
        preprocess=_IMAGENET,
    ),
    Preset(
        name="vgg19",
        repo="onnxmodelzoo/legacy_models",
        license="see the repository",
        about="VGG-19: the layer before the classifier, 4096 numbers; large and slow",
        vision=HubFile("validated/vision/classification/vgg/model/vgg19-7.onnx"),
        preprocess=_IMAGENET,
    ),
    Preset(
        name="xception",
        repo="Kalray/xception",
        license="MIT",
        about="Xception: kinds of things, 2048 numbers",
        vision=HubFile("xception.onnx"),
        preprocess=PreprocessSpec(299, "squash", "none", "bilinear", "RGB", HALF, HALF),
    ),
    Preset(
        name="inception-v3",
        repo="microsoft/dml-ai-hub-models",
        license="see the repository",
        about="Inception v3: kinds of things, 2048 numbers",
        vision=HubFile("inception_v3/inception_v3.onnx"),
        preprocess=PreprocessSpec(299, "squash", "none", "bilinear", "RGB"),
    ),
)

PRESETS = MappingProxyType({preset.name: preset for preset in _ALL})
"""By name."""
