"""How backbones learn from phantoms, whose factors are known: what is behind `python -m skinexp.pretrain`."""
