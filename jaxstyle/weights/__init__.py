"""Weights of VGG19: catalogue of public files, download, readers of every public layout, and our own file format."""
