"""What a training learns from: pictures read once, as numbers kept on disk, and split."""
