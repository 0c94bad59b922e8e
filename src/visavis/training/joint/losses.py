"""The losses of a joint space, on unit vectors of pictures and of words."""

from torch import Tensor


def cosine_loss(pictures: Tensor, words: Tensor, own: Tensor) -> Tensor:
    """1 - cosine of a picture to its own words, averaged over these, then over pictures.

    Args:
        pictures: (n, dim), unit length.
        words: (m, dim), unit length.
        own: (n, m), whether a word is a picture's own. Pictures without any do not count.
    """
    counts = own.sum(dim=1)
    asked = counts > 0
    if not asked.any():
        return pictures.sum() * 0
    cosines = ((pictures @ words.T) * own).sum(dim=1)[asked] / counts[asked]
    return 1 - cosines.mean()


def hinge_rank_loss(
    pictures: Tensor, words: Tensor, own: Tensor, fair: Tensor, margin: float
) -> Tensor:
    """Frome et al., "DeViSE", NIPS 2013: a picture's own word is nearer than others of the batch.

        Σ max(0, margin - cos(picture, own word) + cos(picture, other word))

    over the other words, averaged over a picture's own words, then over pictures.

    Args:
        pictures: (n, dim), unit length.
        words: (m, dim), unit length.
        own: (n, m), whether a word is a picture's own. Pictures without any do not count.
        fair: (n, m), words that may be as near as one likes; its own ones are among them.
        margin: By how much nearer.
    """
    counts = own.sum(dim=1)
    asked = counts > 0
    if not asked.any():
        return pictures.sum() * 0
    cosines = (pictures @ words.T)[asked]
    raised = (margin - cosines[:, :, None] + cosines[:, None, :]).clamp(min=0)
    pairs = own[asked][:, :, None] & ~fair[asked][:, None, :]
    return ((raised * pairs).sum(dim=(1, 2)) / counts[asked]).mean()


def same_words(own: Tensor, words: Tensor) -> Tensor:
    """`own`, and words that have the vector of an own one: "sofa" where only "couch" is known."""
    alike = (words @ words.T) > 1 - 1e-5
    return (own.to(words.dtype) @ alike.to(words.dtype)) > 0
