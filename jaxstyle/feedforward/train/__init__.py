"""Training of feed-forward networks: Johnson-type networks for one style, and AdaIN's decoder.

`train_johnson` and `train_adain` are in `jaxstyle.feedforward.train.johnson` and `.adain`.
"""
