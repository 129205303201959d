"""Gradients and compiled functions on whichever backend Keras runs on."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any  # of the backend
Differentiated = Callable[[list[Tensor]], tuple[Tensor, list[Tensor]]]


def differentiate(function: Callable[[list[Tensor]], Tensor]) -> Differentiated:
    """A function from a list of tensors to the value, a scalar, and its gradient with respect to each of them.

    Gradients that do not exist (the value does not depend on a tensor) are zero.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def differentiated(at: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            at = [tf.convert_to_tensor(tensor) for tensor in at]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(at)
                value = function(at)
            return value, tape.gradient(value, at, unconnected_gradients="zero")

        return differentiated
    if backend == "jax":
        import jax

        return jax.value_and_grad(function)
    if backend == "torch":
        import torch

        def differentiated(at: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            at = [ops.convert_to_tensor(tensor).detach().clone().requires_grad_(True) for tensor in at]
            value = function(at)
            return value.detach(), list(torch.autograd.grad(value, at, allow_unused=True, materialize_grads=True))

        return differentiated
    raise NotImplementedError(f"Gradients on tensorflow, jax or torch only. Received: backend={backend}")


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, on JAX as one program: op by op, each would be compiled on its own."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function
