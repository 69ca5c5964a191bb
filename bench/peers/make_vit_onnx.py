#!/usr/bin/env python3
"""Writes the image encoder of SAM ViT-B, -L or -H as an ONNX model with synthetic weights, for timing peers.

    /usr/bin/python3 bench/peers/make_vit_onnx.py vit_b encoder.onnx [--seed 1] [--rel-pos einsum|matmul]

The graph is the one that an export of the reference code gives: windows by Pad, Reshape and Transpose, one product for
q, k and v, decomposed relative positions added to the scores, Softmax, Erf-GELU. Speed does not depend on the weights'
values; they follow the rule of Facet's synthetic checkpoints (a hash of name, seed and index), so that results can be
compared too. Needs Debian's python3-onnx.
"""
import argparse
import collections

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

Config = collections.namedtuple("Config", "dim depth heads global_blocks")
CONFIGS = {
    "vit_b": Config(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": Config(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": Config(1280, 32, 16, (7, 15, 23, 31)),
}
GRID, WINDOW, PATCH, NECK = 64, 14, 16, 256
MASK64 = 0xFFFFFFFFFFFFFFFF
GOLDEN64 = 0x9E3779B97F4A7C15


def uniform(name, count, seed):
    """float32 in [-1, 1): splitmix64 over fnv1a64(name) and the index."""
    base = 0xCBF29CE484222325
    for byte in name.encode():
        base = ((base ^ byte) * 0x100000001B3) & MASK64
    base ^= (seed * GOLDEN64) & MASK64
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(base) + numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(GOLDEN64)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    return ((z >> numpy.uint64(40)).astype(numpy.float64) * 2.0**-23 - 1.0).astype(numpy.float32)


def weight(name, shape, seed):
    count = int(numpy.prod(shape))
    values = uniform(name, count, seed).reshape(shape)
    if "pos_embed" in name or "rel_pos" in name or "no_mem_" in name:
        return values * numpy.float32(0.2)
    if name.endswith(".bias"):
        return values * numpy.float32(0.1)
    if len(shape) == 1:
        return numpy.float32(1) + values * numpy.float32(0.1)
    return values * numpy.float32(numpy.sqrt(3.0 / (count / shape[0])))


class Graph:
    """Nodes and initialisers in order; each method returns the name of its result."""

    def __init__(self, seed):
        self.seed = seed
        self.nodes = []
        self.initializers = []
        self.constants = {}

    def add(self, op, *inputs, **attributes):
        output = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def tensor(self, name, values):
        self.initializers.append(numpy_helper.from_array(numpy.array(values, order="C"), name))
        return name

    def weight(self, name, shape):
        return self.tensor(name, weight(name, shape, self.seed))

    def constant(self, values, dtype=numpy.int64):
        array = numpy.array(values, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = self.tensor(f"constant_{len(self.constants)}", array)
        return self.constants[key]

    def reshape(self, x, *shape):
        return self.add("Reshape", x, self.constant(shape))

    def transpose(self, x, *order):
        return self.add("Transpose", x, perm=order)

    def linear(self, x, name, size_in, size_out):
        matrix = weight(name + ".weight", (size_out, size_in), self.seed).T
        product = self.add("MatMul", x, self.tensor(name + ".weight", matrix))
        return self.add("Add", product, self.weight(name + ".bias", (size_out,)))

    def layer_norm(self, x, name, dim):
        scale, bias = self.weight(name + ".weight", (dim,)), self.weight(name + ".bias", (dim,))
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-6)

    def gelu(self, x):
        erf = self.add("Erf", self.add("Div", x, self.constant(numpy.sqrt(2), numpy.float32)))
        product = self.add("Mul", x, self.add("Add", erf, self.constant(1, numpy.float32)))
        return self.add("Mul", product, self.constant(0.5, numpy.float32))


def relative_table(graph, name, side, dim):
    """[query, key, dim]: the row of the table for each distance, as constant folding leaves it."""
    table = weight(name, (2 * side - 1, dim), graph.seed)
    distance = numpy.arange(side)[:, None] - numpy.arange(side)[None, :] + side - 1
    return table[distance]


def relative_bias(graph, q, name, side, dim, form):
    """[windows * heads, H, W, H] and [windows * heads, H, W, W] from queries [windows * heads, H * W, dim]."""
    rows = relative_table(graph, name + ".rel_pos_h", side, dim)
    columns = relative_table(graph, name + ".rel_pos_w", side, dim)
    grid = graph.reshape(q, -1, side, side, dim)
    if form == "einsum":
        return (graph.add("Einsum", grid, graph.tensor(name + ".rows", rows), equation="bhwc,hkc->bhwk"),
                graph.add("Einsum", grid, graph.tensor(name + ".columns", columns), equation="bhwc,wkc->bhwk"))
    by_row = graph.add("MatMul", grid, graph.tensor(name + ".rows", rows.transpose(0, 2, 1)))
    turned = graph.add("MatMul", graph.transpose(grid, 0, 2, 1, 3),
                       graph.tensor(name + ".columns", columns.transpose(0, 2, 1)))
    return by_row, graph.transpose(turned, 0, 2, 1, 3)


def attention(graph, x, name, side, config, form):
    """x [windows, side, side, C]"""
    heads, dim, tokens = config.heads, config.dim // config.heads, side * side
    qkv = graph.linear(x, name + ".qkv", config.dim, 3 * config.dim)
    qkv = graph.transpose(graph.reshape(qkv, -1, tokens, 3, heads, dim), 2, 0, 3, 1, 4)
    qkv = graph.reshape(qkv, 3, -1, tokens, dim)
    q, k, v = (graph.add("Gather", qkv, graph.constant(i), axis=0) for i in range(3))
    scaled = graph.add("Mul", q, graph.constant(dim**-0.5, numpy.float32))
    scores = graph.add("MatMul", scaled, graph.transpose(k, 0, 2, 1))
    by_row, by_column = relative_bias(graph, q, name, side, dim, form)
    scores = graph.reshape(scores, -1, side, side, side, side)
    scores = graph.add("Add", scores, graph.add("Unsqueeze", by_row, graph.constant([4])))
    scores = graph.add("Add", scores, graph.add("Unsqueeze", by_column, graph.constant([3])))
    weights = graph.add("Softmax", graph.reshape(scores, -1, tokens, tokens), axis=-1)
    out = graph.reshape(graph.add("MatMul", weights, v), -1, heads, side, side, dim)
    out = graph.reshape(graph.transpose(out, 0, 2, 3, 1, 4), -1, side, side, config.dim)
    return graph.linear(out, name + ".proj", config.dim, config.dim)


def windowed_attention(graph, x, name, config, form):
    count = -(-GRID // WINDOW)
    padded = count * WINDOW
    x = graph.add("Pad", x, graph.constant([0, 0, 0, 0, 0, padded - GRID, padded - GRID, 0]))
    x = graph.transpose(graph.reshape(x, -1, count, WINDOW, count, WINDOW, config.dim), 0, 1, 3, 2, 4, 5)
    x = attention(graph, graph.reshape(x, -1, WINDOW, WINDOW, config.dim), name, WINDOW, config, form)
    x = graph.transpose(graph.reshape(x, -1, count, count, WINDOW, WINDOW, config.dim), 0, 1, 3, 2, 4, 5)
    x = graph.reshape(x, -1, padded, padded, config.dim)
    return graph.add("Slice", x, graph.constant([0, 0]), graph.constant([GRID, GRID]), graph.constant([1, 2]))


def block(graph, x, name, is_global, config, form):
    normed = graph.layer_norm(x, name + ".norm1", config.dim)
    if is_global:
        attended = attention(graph, normed, name + ".attn", GRID, config, form)
    else:
        attended = windowed_attention(graph, normed, name + ".attn", config, form)
    x = graph.add("Add", x, attended)
    hidden = graph.linear(graph.layer_norm(x, name + ".norm2", config.dim), name + ".mlp.lin1", config.dim, 4 * config.dim)
    return graph.add("Add", x, graph.linear(graph.gelu(hidden), name + ".mlp.lin2", 4 * config.dim, config.dim))


def layer_norm_2d(graph, x, name, channels):
    centred = graph.add("Sub", x, graph.add("ReduceMean", x, axes=[1], keepdims=1))
    variance = graph.add("ReduceMean", graph.add("Pow", centred, graph.constant(2, numpy.float32)), axes=[1], keepdims=1)
    deviation = graph.add("Sqrt", graph.add("Add", variance, graph.constant(1e-6, numpy.float32)))
    scale = graph.tensor(name + ".weight", weight(name + ".weight", (channels,), graph.seed)[:, None, None])
    bias = graph.tensor(name + ".bias", weight(name + ".bias", (channels,), graph.seed)[:, None, None])
    return graph.add("Add", graph.add("Mul", scale, graph.add("Div", centred, deviation)), bias)


def encoder(config, seed, form):
    graph = Graph(seed)
    root = "image_encoder."
    x = graph.add("Conv", "image", graph.weight(root + "patch_embed.proj.weight", (config.dim, 3, PATCH, PATCH)),
                  graph.weight(root + "patch_embed.proj.bias", (config.dim,)), strides=[PATCH, PATCH])
    x = graph.add("Add", graph.transpose(x, 0, 2, 3, 1), graph.weight(root + "pos_embed", (1, GRID, GRID, config.dim)))
    for i in range(config.depth):
        x = block(graph, x, f"{root}blocks.{i}", i in config.global_blocks, config, form)
    x = graph.add("Conv", graph.transpose(x, 0, 3, 1, 2), graph.weight(root + "neck.0.weight", (NECK, config.dim, 1, 1)))
    x = layer_norm_2d(graph, x, root + "neck.1", NECK)
    x = graph.add("Conv", x, graph.weight(root + "neck.2.weight", (NECK, NECK, 3, 3)), pads=[1, 1, 1, 1])
    x = layer_norm_2d(graph, x, root + "neck.3", NECK)
    graph.nodes.append(helper.make_node("Identity", [x], ["embedding"]))
    side = GRID * PATCH
    body = helper.make_graph(graph.nodes, "image_encoder",
                             [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])],
                             [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, NECK, GRID, GRID])],
                             graph.initializers)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=CONFIGS)
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rel-pos", choices=("einsum", "matmul"), default="einsum")
    arguments = parser.parse_args()
    model = encoder(CONFIGS[arguments.model], arguments.seed, arguments.rel_pos)
    # Protocol buffers end at 2 GB: larger models keep their weights in a file beside them.
    onnx.save_model(model, arguments.output, save_as_external_data=arguments.model != "vit_b",
                    location=arguments.output.rsplit("/", 1)[-1] + ".data")


if __name__ == "__main__":
    main()
