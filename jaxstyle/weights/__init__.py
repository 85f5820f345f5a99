"""VGG19 weights: the catalogue, download, readers of every public layout, and the safetensors store."""
