"""What a match is to the picture that was asked with, and from which score on matches are alike."""
