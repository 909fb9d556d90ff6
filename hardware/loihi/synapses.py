"""Synapses of Lava between one layer's neurons and the next: its stock Dense and Conv.

A convolution runs as Lava's Conv, which knows neither pools nor an exponent: pools become wider
kernels, and the exponent is multiplied into the weights. Where that is not the same (pools that
leave rows out, negative exponents, a kernel that covers its whole input), it runs as the Dense of
the same weights.

Lava keeps the current of a loop's last step for the next step, also where a new sample begins;
`PyClearedDense` drops it there, as resetting a chip between samples does.
"""

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.process.ports.ports import AbstractPort
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.conv.process import Conv
from lava.proc.dense.models import AbstractPyDenseModelBitAcc
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF, LIFReset
from lava.utils.weightutils import SignMode

from hardware import chip
from hardware.convolution.kernels import without_pools
from hardware.fixed_layers import FixedPointLayer, FixedPointModel
from hardware.weights import round_to_step

_SIGN_MODES = {
    "mixed": SignMode.MIXED,
    "excitatory": SignMode.EXCITATORY,
    "inhibitory": SignMode.INHIBITORY,
}
_MOST = 127  # of a stride, a padding or a dilation: int8 in Lava's fixed-point Conv


class ClearedDense(Dense):
    """Dense that forgets the last step of a sample when the next one begins."""


@implements(proc=ClearedDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyClearedDense(AbstractPyDenseModelBitAcc):
    """Lava's own Dense, whose buffered current is set to 0 at the first step of each sample."""

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.a_buff: Any
        self.interval = proc_params["clear_interval"]
        self.offset = proc_params["clear_offset"]

    def run_spk(self):
        if self.time_step % self.interval == self.offset:
            self.a_buff = np.zeros_like(self.a_buff)
        super().run_spk()


def all_dense(fixed: FixedPointModel) -> bool:
    """Return true for a chain of dense layers without loops or biases of the neurons' own."""
    return all(
        layer.conv is None and layer.w_rec is None and layer.bias_mant is None
        for layer in fixed.layers
    )


def dense(w: np.ndarray, layer: FixedPointLayer, kind: type[Dense] = Dense) -> Dense:
    """Return a Dense of a layer's exponent, width and sign mode."""
    return kind(
        weights=w,
        weight_exp=layer.weight_exp,
        num_weight_bits=layer.weight_bits,
        sign_mode=_SIGN_MODES[layer.sign_mode],
    )


def connect_dense(out: AbstractPort, synapses: Dense, lif: LIFReset) -> None:
    """Connect neurons to neurons."""
    out.connect(synapses.s_in)
    synapses.a_out.connect(lif.a_in)


def connect(out: AbstractPort, layer: FixedPointLayer, lif: LIFReset) -> None:
    """Connect the spikes before a layer to its neurons; both flat, maps as [C, H, W]."""
    plain = None if layer.conv is None else without_pools(layer.conv, layer.w)
    if plain is None or plain[0].is_dense or layer.weight_exp < 0 or _beyond(plain[0]):
        _connect_matrix(out, layer, lif)
        return
    conv, w = plain
    synapses = Conv(
        weight=(w[:, :, ::-1, ::-1] << layer.weight_exp).transpose(0, 3, 2, 1),
        input_shape=conv.in_shape[::-1],
        padding=conv.padding[::-1],
        stride=conv.stride[::-1],
        dilation=conv.dilation[::-1],
        groups=conv.groups,
    )
    out.reshape(conv.in_shape).transpose((2, 1, 0)).connect(synapses.s_in)
    synapses.a_out.transpose((2, 1, 0)).flatten().connect(lif.a_in)


def connect_bias(layer: FixedPointLayer, lif: LIFReset) -> None:
    """Connect a neuron per bias axon that its own bias lifts above the threshold at every step."""
    axons = layer.w_bias.shape[1]
    source = LIF(
        shape=(axons,),
        du=chip.MAX_DECAY,
        dv=chip.MAX_DECAY,
        vth=chip.MIN_THRESHOLD,
        bias_mant=np.full(axons, chip.MAX_BIAS_MANTISSA),
        bias_exp=np.full(axons, chip.MAX_BIAS_EXP),
    )
    w = np.repeat(layer.w_bias, layer.positions, axis=0)
    connect_dense(source.s_out, dense(w, layer), lif)


def connect_loop(layer: FixedPointLayer, lif: LIFReset, steps: int, number: int) -> None:
    """Connect a layer's own spikes to its neurons, one step later.

    Args:
        steps: per sample.
        number: of the layer, from 1; its first step of a sample comes as many steps later.
    """
    assert layer.w_rec is not None
    loop = dense(layer.w_rec, layer, ClearedDense)
    loop.proc_params["clear_interval"] = steps
    loop.proc_params["clear_offset"] = (number + 1) % steps
    connect_dense(lif.s_out, loop, lif)


def _connect_matrix(out: AbstractPort, layer: FixedPointLayer, lif: LIFReset) -> None:
    """Connect densely; weights that overlapping pools add up take several synapses."""
    rest = layer.matrix()
    while True:
        part = round_to_step(rest, layer.weight_bits, layer.sign_mode)
        connect_dense(out, dense(part, layer), lif)
        rest = rest - part
        if not rest.any():
            return
        if layer.weight_exp < 0:
            raise ValueError(
                f"pools that overlap add weights up beyond 8 bits, and weight_exp is"
                f" {layer.weight_exp}: Lava would round each of them; raise weight_exp to 0"
            )


def _beyond(conv) -> bool:
    """Return true where a number of the geometry does not fit Lava's int8."""
    return max(*conv.stride, *conv.padding, *conv.dilation, *conv.kernel) > _MOST
