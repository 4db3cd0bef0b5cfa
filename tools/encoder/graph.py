"""Writes the encoder as an ONNX graph: weights in 4 or 8 bits by blocks of 32, attention by the runtime's operator."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from tools.encoder.base import HEADS, WIDTH, Floats

BLOCK = 32
TINY = 1e-12
RUNTIME = "com.microsoft"
OPERATORS, FORMAT = 20, 9
EXACT = 1
"""Weights become floats before they are multiplied: where there are no int8 dot products no slower, and exact."""
Layer = Mapping[str, Floats]


def build(
    words: Floats, places: Floats, norm: tuple[Floats, Floats], layers: Sequence[Layer], bits: Sequence[int]
) -> bytes:
    """The graph from numbers of pieces (``ids``, padded, and ``lengths``) to the last layer's mean (``vectors``)."""
    graph = _Graph()
    length = graph.add("Shape", ["ids"], start=1, end=2)
    positions = graph.add("Slice", [graph.hold(places), graph.hold([0]), length, graph.hold([0])])
    state = graph.norm(graph.add("Add", [_embedded(graph, words), positions]), *norm)
    steps = graph.add("Range", [graph.hold(0), graph.add("Squeeze", [length]), graph.hold(1)])
    inside = graph.add("Less", [steps, graph.add("Unsqueeze", ["lengths", graph.hold([1])])])
    mask = graph.add("Cast", [inside], to=TensorProto.INT32)
    for layer, width in zip(layers, bits, strict=True):
        state = _layered(graph, state, mask, layer, width)
    kept = graph.add("Unsqueeze", [graph.add("Cast", [inside], to=TensorProto.FLOAT), graph.hold([2])])
    total = graph.add("ReduceSum", [graph.add("Mul", [state, kept]), graph.hold([1])], keepdims=0)
    count = graph.add("Unsqueeze", [graph.add("Cast", ["lengths"], to=TensorProto.FLOAT), graph.hold([1])])
    graph.nodes.append(helper.make_node("Div", [total, count], ["vectors"]))
    return graph.written()


def packed(weights: Floats, bits: int) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Blocks of 32 weights of a row as whole numbers around the middle, and the scale of each block."""
    blocks = weights.reshape(len(weights), -1, BLOCK)
    middle = 2 ** (bits - 1)
    if bits == 4:  # exactly as the base was rounded: the weight farthest from zero becomes -8
        farthest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=-1)[..., None], axis=-1)[..., 0]
        scales = (farthest / -middle).astype(np.float16).astype(np.float32)
    else:
        scales = (np.abs(blocks).max(axis=-1) / (middle - 1)).astype(np.float32)
    scales[scales == 0] = 1
    whole = np.clip(np.rint(blocks / scales[..., None]) + middle, 0, 2 * middle - 1).astype(np.uint8)
    return (whole[..., 0::2] | whole[..., 1::2] << 4 if bits == 4 else whole), scales


class _Graph:
    """Nodes and constants in the making; names are their numbers."""

    def __init__(self) -> None:
        self.nodes: list[object] = []
        self._constants: list[object] = []

    def hold(self, value: npt.ArrayLike) -> str:
        """A constant."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], domain: str = "", **settings: object) -> str:
        """A node with one output."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **settings))
        return name

    def norm(self, state: str, weight: Floats, bias: Floats) -> str:
        """Layer normalisation."""
        return self.add("LayerNormalization", [state, self.hold(weight), self.hold(bias)], epsilon=TINY)

    def linear(self, state: str, weight: Floats, bias: Floats, bits: int) -> str:
        """``state · weightᵀ + bias``."""
        whole, scales = packed(weight, bits)
        inputs = [state, self.hold(whole), self.hold(scales), "", "", self.hold(bias)]
        shape = {"N": len(weight), "K": weight.shape[1]}
        return self.add("MatMulNBits", inputs, RUNTIME, bits=bits, block_size=BLOCK, accuracy_level=EXACT, **shape)

    def written(self) -> bytes:
        """The whole model as bytes."""
        inputs = [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "pieces"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT64, ["texts"]),
        ]
        outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", WIDTH])]
        whole = helper.make_graph(self.nodes, "encoder", inputs, outputs, self._constants)
        operators = [helper.make_opsetid("", OPERATORS), helper.make_opsetid(RUNTIME, 1)]
        return helper.make_model(whole, opset_imports=operators, ir_version=FORMAT).SerializeToString()


def _embedded(graph: _Graph, words: Floats) -> str:
    """Vectors of pieces: numbers from -8 to 7 take a byte each in the graph, and half of it in the archive."""
    halves, scales = packed(words, 4)
    whole = np.stack([halves & 15, halves >> 4], axis=-1).reshape(len(words), WIDTH).astype(np.int8) - 8
    found = graph.add("Cast", [graph.add("Gather", [graph.hold(whole), "ids"])], to=TensorProto.FLOAT)
    blocks = graph.add("Reshape", [found, graph.hold([0, 0, WIDTH // BLOCK, BLOCK])])
    scale = graph.add("Gather", [graph.hold(scales.astype(np.float16)), "ids"])
    scale = graph.add("Unsqueeze", [graph.add("Cast", [scale], to=TensorProto.FLOAT), graph.hold([3])])
    return graph.add("Reshape", [graph.add("Mul", [blocks, scale]), graph.hold([0, 0, WIDTH])])


def _layered(graph: _Graph, state: str, mask: str, layer: Layer, bits: int) -> str:
    query, key, value = (graph.linear(state, layer[f"{one}.w"], layer[f"{one}.b"], bits) for one in "qkv")
    heard = graph.add("MultiHeadAttention", [query, key, value, "", mask], RUNTIME, num_heads=HEADS)
    heard = graph.linear(heard, layer["ao.w"], layer["ao.b"], bits)
    state = graph.norm(graph.add("Add", [state, heard]), layer["aln.w"], layer["aln.b"])
    inner = graph.add("Gelu", [graph.linear(state, layer["fi.w"], layer["fi.b"], bits)])
    thought = graph.linear(inner, layer["fo.w"], layer["fo.b"], bits)
    return graph.norm(graph.add("Add", [state, thought]), layer["oln.w"], layer["oln.b"])
