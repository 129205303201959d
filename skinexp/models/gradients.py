"""Gradients and compiled functions on whichever backend Keras runs on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

Tensor = Any  # of the backend
Scalar = Callable[[list[Tensor]], Tensor]  # from a list of tensors to a number
Differentiated = Callable[[list[Tensor]], tuple[Tensor, list[Tensor]]]
Pulled = Callable[[list[Tensor]], tuple[Tensor, Callable[[], list[Tensor]]]]


def differentiate(function: Scalar) -> Differentiated:
    """Returns a function from a list of tensors to the value and its gradient with respect to each of them.

    Gradients that do not exist (the value does not depend on a tensor) are zero.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.value_and_grad(function)
    pulled = pullback(function)

    def differentiated(at: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        value, gradients = pulled(at)
        return value, gradients()

    return differentiated


def pullback(function: Scalar) -> Pulled:
    """Returns a function from a list of tensors to the value and a function that computes the gradients on demand.

    Gradients take longer than the value. On JAX both are one compiled program, which computes the gradients anyway.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def pulled(at: list[Tensor]) -> tuple[Tensor, Callable[[], list[Tensor]]]:
            at = [tf.convert_to_tensor(tensor) for tensor in at]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(at)
                value = function(at)
            return value, lambda: tape.gradient(value, at, unconnected_gradients="zero")

        return pulled
    if backend == "jax":
        program = compiled(differentiate(function))

        def pulled(at: list[Tensor]) -> tuple[Tensor, Callable[[], list[Tensor]]]:
            value, gradients = program(at)
            return value, lambda: gradients

        return pulled
    if backend == "torch":
        import torch

        def pulled(at: list[Tensor]) -> tuple[Tensor, Callable[[], list[Tensor]]]:
            at = [ops.convert_to_tensor(tensor).detach().clone().requires_grad_(True) for tensor in at]
            value = function(at)
            pull = partial(torch.autograd.grad, value, at, allow_unused=True, materialize_grads=True)
            return value.detach(), lambda: list(pull())

        return pulled
    raise NotImplementedError(f"Gradients on tensorflow, jax or torch only. Received: backend={backend}")


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function, on JAX as one program: otherwise each operation would be compiled on its own."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function
