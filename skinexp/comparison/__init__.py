"""Runs compared with each other: numbers only. `analyse` computes them once; report/ draws them."""
