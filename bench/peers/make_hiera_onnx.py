#!/usr/bin/env python3
"""Writes the image encoder of SAM 2.1 (Hiera tiny, small, base+ or large) as an ONNX model with synthetic weights.

    /usr/bin/python3 bench/peers/make_hiera_onnx.py tiny encoder.onnx [--seed 1]

The graph is the one that an export of the reference code's set_image gives: windows by Pad, Reshape and Transpose, one
product for q, k and v, queries pooled by MaxPool, Erf-GELU, the pyramid's neck, the mask decoder's two 1 x 1
convolutions, and the embedding of "no memory" added. Position embeddings are folded to a constant. Outputs: embedding
[1, 256, 64, 64], high_res0 [1, 32, 256, 256], high_res1 [1, 64, 128, 128]. Needs Debian's python3-onnx.
"""
import argparse
import collections

import numpy
import onnx
from onnx import TensorProto, helper

from make_vit_onnx import Graph, weight

Config = collections.namedtuple("Config", "dim heads stages windows global_blocks background")
CONFIGS = {
    "tiny": Config(96, 1, (1, 2, 7, 2), (8, 4, 14, 7), (5, 7, 9), 7),
    "small": Config(96, 1, (1, 2, 11, 2), (8, 4, 14, 7), (7, 10, 13), 7),
    "base+": Config(112, 2, (2, 3, 16, 3), (8, 4, 14, 7), (12, 16, 20), 14),
    "large": Config(144, 2, (2, 6, 36, 4), (8, 4, 16, 8), (23, 33, 43), 7),
}
SIDE, GRID, CHANNELS = 1024, 256, 256
TRUNK = "image_encoder.trunk."


def cubic_matrix(size_in, size_out):
    """[out, in]: Keys' cubic convolution with a = -0.75, edges repeated, as torch's interpolate has it."""
    a = -0.75
    matrix = numpy.zeros((size_out, size_in))
    for i in range(size_out):
        at = (i + 0.5) * size_in / size_out - 0.5
        base = int(numpy.floor(at))
        for j in range(base - 1, base + 3):
            x = abs(at - j)
            near = ((a + 2) * x - (a + 3)) * x * x + 1
            far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
            matrix[i, min(max(j, 0), size_in - 1)] += near if x <= 1 else far if x < 2 else 0
    return matrix


def position_embedding(config, seed):
    """[1, 256, 256, C]"""
    side, window = config.background, config.windows[0]
    stretched = weight(TRUNK + "pos_embed", (1, config.dim, side, side), seed)[0].astype(numpy.float64)
    repeated = weight(TRUNK + "pos_embed_window", (1, config.dim, window, window), seed)[0]
    matrix = cubic_matrix(side, GRID)
    grid = matrix @ stretched @ matrix.T + numpy.tile(repeated, (1, GRID // window, GRID // window))
    return grid.transpose(1, 2, 0)[None].astype(numpy.float32)


def max_pool(graph, x):
    """[B, H, W, C] -> [B, H / 2, W / 2, C]"""
    pooled = graph.add("MaxPool", graph.transpose(x, 0, 3, 1, 2), kernel_shape=[2, 2], strides=[2, 2])
    return graph.transpose(pooled, 0, 2, 3, 1)


def attention(graph, x, name, side, block):
    """x [windows, side, side, dim] -> [windows, side', side', dim_out]"""
    head_dim = block.dim_out // block.heads
    qkv = graph.linear(x, name + ".qkv", block.dim, 3 * block.dim_out)
    qkv = graph.reshape(qkv, -1, side * side, 3, block.heads, head_dim)
    q, k, v = (graph.add("Gather", qkv, graph.constant(i), axis=2) for i in range(3))
    if block.pools:
        q = max_pool(graph, graph.reshape(q, -1, side, side, block.dim_out))
        side //= 2
        q = graph.reshape(q, -1, side * side, block.heads, head_dim)
    scaled = graph.add("Mul", graph.transpose(q, 0, 2, 1, 3), graph.constant(head_dim**-0.5, numpy.float32))
    weights = graph.add("Softmax", graph.add("MatMul", scaled, graph.transpose(k, 0, 2, 3, 1)), axis=-1)
    out = graph.transpose(graph.add("MatMul", weights, graph.transpose(v, 0, 2, 1, 3)), 0, 2, 1, 3)
    return graph.linear(graph.reshape(out, -1, side, side, block.dim_out), name + ".proj", block.dim_out, block.dim_out)


def windowed_attention(graph, x, name, grid, block):
    count = -(-grid // block.window)
    padding = count * block.window - grid
    if padding:
        x = graph.add("Pad", x, graph.constant([0, 0, 0, 0, 0, padding, padding, 0]))
    x = graph.transpose(graph.reshape(x, -1, count, block.window, count, block.window, block.dim), 0, 1, 3, 2, 4, 5)
    x = attention(graph, graph.reshape(x, -1, block.window, block.window, block.dim), name, block.window, block)
    window, grid = (block.window // 2, grid // 2) if block.pools else (block.window, grid)
    x = graph.transpose(graph.reshape(x, -1, count, count, window, window, block.dim_out), 0, 1, 3, 2, 4, 5)
    x = graph.reshape(x, -1, count * window, count * window, block.dim_out)
    if not padding:
        return x
    return graph.add("Slice", x, graph.constant([0, 0]), graph.constant([grid, grid]), graph.constant([1, 2]))


Block = collections.namedtuple("Block", "dim dim_out heads window pools")


def block_forward(graph, x, name, grid, block):
    normed = graph.layer_norm(x, name + ".norm1", block.dim)
    if block.pools:
        x = max_pool(graph, graph.linear(normed, name + ".proj", block.dim, block.dim_out))
    attend = windowed_attention if block.window else lambda g, y, n, side, b: attention(g, y, n, side, b)
    x = graph.add("Add", x, attend(graph, normed, name + ".attn", grid, block))
    hidden = graph.layer_norm(x, name + ".norm2", block.dim_out)
    hidden = graph.gelu(graph.linear(hidden, name + ".mlp.layers.0", block.dim_out, 4 * block.dim_out))
    return graph.add("Add", x, graph.linear(hidden, name + ".mlp.layers.1", 4 * block.dim_out, block.dim_out))


def trunk(graph, config):
    """What each of the four stages ends with, channels last."""
    x = graph.add("Conv", "image", graph.weight(TRUNK + "patch_embed.proj.weight", (config.dim, 3, 7, 7)),
                  graph.weight(TRUNK + "patch_embed.proj.bias", (config.dim,)), strides=[4, 4], pads=[3, 3, 3, 3])
    x = graph.add("Add", graph.transpose(x, 0, 2, 3, 1),
                  graph.tensor("position_embedding", position_embedding(config, graph.seed)))
    dim, heads, grid, index, ends = config.dim, config.heads, GRID, 0, []
    for stage, depth in enumerate(config.stages):
        for i in range(depth):
            pools = stage > 0 and i == 0
            dim_out, heads = (2 * dim, 2 * heads) if pools else (dim, heads)
            window = 0 if index in config.global_blocks else config.windows[stage - 1 if pools else stage]
            x = block_forward(graph, x, f"{TRUNK}blocks.{index}", grid, Block(dim, dim_out, heads, window, pools))
            dim, grid, index = dim_out, grid // 2 if pools else grid, index + 1
        ends.append((x, dim))
    return ends


def pointwise(graph, x, name, size_in, size_out):
    return graph.add("Conv", x, graph.weight(name + ".weight", (size_out, size_in, 1, 1)),
                     graph.weight(name + ".bias", (size_out,)))


def neck(graph, ends):
    """Embedding and the two features of high resolution, channels first."""
    lateral = [pointwise(graph, graph.transpose(x, 0, 3, 1, 2), f"image_encoder.neck.convs.{3 - i}.conv", dim, CHANNELS)
               for i, (x, dim) in enumerate(ends)]
    scales = graph.constant([1, 1, 2, 2], numpy.float32)
    doubled = graph.add("Resize", lateral[3], "", scales, mode="nearest", nearest_mode="floor",
                        coordinate_transformation_mode="asymmetric")
    no_memory = graph.tensor("no_mem_embed", weight("no_mem_embed", (1, 1, CHANNELS), graph.seed).reshape(1, CHANNELS, 1, 1))
    embedding = graph.add("Add", graph.add("Add", lateral[2], doubled), no_memory)
    return (embedding, pointwise(graph, lateral[0], "sam_mask_decoder.conv_s0", CHANNELS, 32),
            pointwise(graph, lateral[1], "sam_mask_decoder.conv_s1", CHANNELS, 64))


def encoder(config, seed):
    graph = Graph(seed)
    names = ("embedding", "high_res0", "high_res1")
    for name, value in zip(names, neck(graph, trunk(graph, config))):
        graph.nodes.append(helper.make_node("Identity", [value], [name]))
    shapes = ([1, 256, 64, 64], [1, 32, 256, 256], [1, 64, 128, 128])
    body = helper.make_graph(graph.nodes, "image_encoder",
                             [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
                             [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(names, shapes)],
                             graph.initializers)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=CONFIGS)
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    onnx.save_model(encoder(CONFIGS[arguments.model], arguments.seed), arguments.output)


if __name__ == "__main__":
    main()
