"""Pretraining of backbones on phantoms, whose factors are known: the parts of `python -m skinexp.pretrain`."""
