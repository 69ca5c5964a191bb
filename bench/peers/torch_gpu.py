#!/usr/bin/env python3
"""Times PyTorch on one NVIDIA GPU: SAM's and SAM 2.1's image encoders and SAM's prompt decoding, bf16, random weights.

    python3 bench/peers/torch_gpu.py --budget-s 240 --out torch_gpu.json      # needs torch and transformers
    python3 bench/peers/torch_gpu.py --work vit_b,decode --modes eager,compiled --batch 1
    python3 bench/peers/torch_gpu.py --device cpu --tiny                      # does every case run? no GPU needed
    python3 bench/peers/torch_gpu.py --count                                  # where GFLOP below comes from

The models are those of the package transformers, built from their configurations; nothing is downloaded. Modes:
    eager     attention as the published SAM code has it: scores in memory, softmax (here in float32), product
    sdpa      scaled_dot_product_attention, which the published SAM 2 code uses
    compiled  sdpa under torch.compile(mode="max-autotune"): tuned kernels, fused steps, CUDA graphs
Encoders run with 1 and 8 pictures (--batch); "decode" is prompt encoder and mask decoder for 1 click and for 64 clicks on
one picture, three masks of 256 x 256 each, positions of the image computed beforehand.

A case gives median_ms (CUDA events around each run; 10 to 200 runs, about half a second, queued one behind the other),
latency_ms (host's clock around a run and the wait for its end), memory, and the relative difference of its output to that
of the first mode of the same work. The fastest copy and bf16 product of the machine are measured first. Cases come in
order of importance; --budget-s starts no case after so many seconds. The JSON is written anew after every case and names
the one that is running, so a run that is cut off loses nothing.
"""
import os
import time

START = time.monotonic()
CORES = len(os.sched_getaffinity(0))
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(CORES))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import argparse
import collections
import gc
import json
import math
import pathlib
import statistics
import subprocess
import sys

import torch
import torch._dynamo
import torch._inductor.config
import transformers
from torch import nn

Vit = collections.namedtuple("Vit", "dim depth heads global_blocks")
Hiera = collections.namedtuple("Hiera", "dim heads stages windows global_blocks background")
ENCODERS = {
    "vit_b": Vit(768, 12, 12, (2, 5, 8, 11)),
    "vit_h": Vit(1280, 32, 16, (7, 15, 23, 31)),
    "sam2_large": Hiera(144, 2, (2, 6, 36, 4), (8, 4, 16, 8), (23, 33, 43), 7),
    "sam2_base_plus": Hiera(112, 2, (2, 3, 16, 3), (8, 4, 14, 7), (12, 16, 20), 14),
}
TINY_ENCODERS = {  # for --tiny: every kind of block, with and without padded windows
    "vit_b": Vit(64, 4, 2, (1, 3)),
    "vit_h": Vit(96, 4, 3, (2,)),
    "sam2_large": Hiera(16, 2, (1, 2, 3, 1), (8, 4, 16, 8), (4,), 7),
    "sam2_base_plus": Hiera(16, 2, (1, 2, 2, 1), (8, 4, 14, 7), (4,), 14),
}
WORK = (*ENCODERS, "decode")
MODES = ("eager", "sdpa", "compiled")
DTYPE = torch.bfloat16
MB = 2**20

# Billions of additions and multiplications for one picture (decode: for one picture and so many clicks), as the models
# of transformers run them, padded windows included: linear layers and convolutions, then products of two computed
# matrices, which is attention with its relative positions. Of SAM 2's attention 2.2 (large) and 1.1 are dropped unused.
GFLOP = {
    "vit_b": (737.41, 234.67),
    "vit_h": (5464.6, 496.48),
    "sam2_large": (1619.73, 205.24),
    "sam2_base_plus": (529.33, 118.49),
    "decode_1": (3.53, 0.09),
    "decode_64": (174.53, 57.32),
}

# size: pictures of an encoder, clicks of a decode
Case = collections.namedtuple("Case", "work mode size")


def all_cases():
    """In order of importance; what compiles takes minutes, so it comes behind all that takes seconds."""
    main = [("vit_b", 1), ("decode", 1), ("decode", 64), ("vit_b", 8), ("vit_h", 1), ("vit_h", 8), ("sam2_large", 1)]
    cases = [Case(work, mode, size) for mode in ("eager", "sdpa") for work, size in main]
    cases += [Case("sam2_base_plus", mode, 1) for mode in ("eager", "sdpa")]
    cases += [Case(work, "compiled", size) for work, size in main if (work, size) != ("vit_h", 8)]
    cases += [Case("vit_h", "compiled", 8), Case("sam2_base_plus", "compiled", 1)]
    return cases + [Case(work, mode, 8) for mode in MODES for work in ("sam2_large", "sam2_base_plus")]


def name_of(case):
    size = f"{case.size} click" + "s" * (case.size > 1) if case.work == "decode" else f"batch {case.size}"
    return f"{case.work} {case.mode} {size}"


# Models

def vit_config(vit, side):
    return transformers.SamConfig(
        vision_config={"hidden_size": vit.dim, "num_hidden_layers": vit.depth, "num_attention_heads": vit.heads,
                       "global_attn_indexes": list(vit.global_blocks), "mlp_dim": 4 * vit.dim, "image_size": side,
                       "patch_size": 16, "window_size": 14, "use_rel_pos": True, "use_abs_pos": True},
        prompt_encoder_config={"image_size": side, "patch_size": 16})


def hiera_config(hiera, side):
    dims = [hiera.dim << stage for stage in range(4)]
    backbone = {"model_type": "sam2_hiera_det_model", "hidden_size": hiera.dim, "num_attention_heads": hiera.heads,
                "image_size": [side, side], "blocks_per_stage": list(hiera.stages), "embed_dim_per_stage": dims,
                "num_attention_heads_per_stage": [hiera.heads << stage for stage in range(4)],
                "window_size_per_stage": list(hiera.windows), "global_attention_blocks": list(hiera.global_blocks),
                "window_positional_embedding_background_size": [hiera.background] * 2}
    return transformers.Sam2Config(
        vision_config={"model_type": "sam2_vision_model", "backbone_config": backbone, "backbone_channel_list": dims[::-1],
                       "backbone_feature_sizes": [[side >> shift] * 2 for shift in (2, 3, 4)]},
        prompt_encoder_config={"image_size": side, "patch_size": 16})


class Encoder(nn.Module):
    """What set_image runs: trunk and neck; for SAM 2 also the mask decoder's two 1 x 1 convolutions and "no memory"."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pictures):
        found = self.model.vision_encoder(pictures)
        if not hasattr(self.model, "no_memory_embedding"):
            return (found.last_hidden_state,)
        high0, high1, low = found.fpn_hidden_states
        return (self.model.mask_decoder.conv_s0(high0), self.model.mask_decoder.conv_s1(high1),
                low + self.model.no_memory_embedding.reshape(1, -1, 1, 1))


class Decoder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.prompt_encoder, self.mask_decoder = model.prompt_encoder, model.mask_decoder
        self.register_buffer("positions", model.get_image_wide_positional_embeddings().detach().clone())

    def forward(self, embedding, points, labels):
        sparse, dense = self.prompt_encoder(input_points=points, input_labels=labels, input_boxes=None, input_masks=None)
        return self.mask_decoder(image_embeddings=embedding, image_positional_embeddings=self.positions,
                                 sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense, multimask_output=True)[:2]


@torch.no_grad()
def fill(model, device):
    """Random weights that keep activations near 1; the near-zero ones of the configurations would run faster."""
    generator = torch.Generator(device).manual_seed(1)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, device=device)
        if "pos_embed" in name:
            noise *= 0.2
        elif parameter.dim() > 1:
            noise *= (parameter.numel() / parameter.shape[0]) ** -0.5
        elif name.endswith(".bias"):
            noise *= 0.1
        else:
            noise = 1 + 0.1 * noise
        parameter.copy_(noise)


def build(work, attention, options):
    encoder = options.encoders["vit_b" if work == "decode" else work]
    config = (vit_config if isinstance(encoder, Vit) else hiera_config)(encoder, options.side)
    with torch.device(options.device):
        model = transformers.AutoModel.from_config(config, attn_implementation=attention).eval()
    if options.device != "meta":
        fill(model, options.device)
    return model.to(DTYPE)


def attention_of(model, work):
    if work == "decode":
        return model.mask_decoder.config._attn_implementation
    trunk = getattr(model.vision_encoder, "backbone", model.vision_encoder)
    return trunk.config._attn_implementation


def inputs_of(case, options):
    device, side = options.device, options.side
    generator = None if device == "meta" else torch.Generator(device).manual_seed(2)
    if case.work != "decode":
        return (torch.randn(case.size, 3, side, side, generator=generator, device=device).to(DTYPE),)
    grid = side // 16
    embedding = torch.randn(1, 256, grid, grid, generator=generator, device=device).to(DTYPE)
    points = torch.rand(1, case.size, 1, 2, generator=generator, device=device) * side
    return embedding, points, torch.ones(1, case.size, 1, dtype=torch.int64, device=device)


# Measuring

def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def host_ms(step, runs, device):
    """Of each run, from its call to the end of its work."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        synchronize(device)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def device_ms(step, runs, device):
    """Of each run on the device, all of them queued before the first is waited for."""
    if device != "cuda":
        return host_ms(step, runs, device)
    marks = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(runs)]
    for begin, end in marks:
        begin.record()
        step()
        end.record()
    torch.cuda.synchronize()
    return [begin.elapsed_time(end) for begin, end in marks]


def times_of(step, device):
    usual = max(min(host_ms(step, 2, device)), 1e-3)
    runs = min(max(10, math.ceil(500 / usual)), 200)
    queued = device_ms(step, runs, device)
    single = host_ms(step, min(runs, max(3, math.ceil(250 / usual))), device)
    return {"runs": runs, "median_ms": statistics.median(queued), "min_ms": min(queued), "max_ms": max(queued),
            "latency_ms": statistics.median(single)}


def limits(options):
    """GB/s of a copy on the device, bytes read and written; TFLOP/s of a bf16 product of random matrices."""
    side, count = (512, 2**22) if options.tiny else (8192, 2**30)
    source = torch.randn(count, device=options.device, dtype=DTYPE)
    target = torch.empty_like(source)
    a, b = (torch.randn(side, side, device=options.device, dtype=DTYPE) for _ in range(2))
    out = torch.empty_like(a)
    host_ms(lambda: (target.copy_(source), torch.mm(a, b, out=out)), 3, options.device)
    copy = times_of(lambda: target.copy_(source), options.device)["median_ms"]
    product = times_of(lambda: torch.mm(a, b, out=out), options.device)["median_ms"]
    return {"copy_bytes": 2 * count, "copy_gb_s": 4 * count / copy / 1e6, "product": [side] * 3,
            "product_tflop_s": 2 * side**3 / product / 1e9}


def relative_difference(outputs, expected):
    return max(((out - want).norm() / want.norm()).item() for out, want in zip(outputs, expected))


def memory(device):
    if device != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info()
    return {"peak_allocated_mb": torch.cuda.max_memory_allocated() / MB,  # PyTorch's tensors; a CUDA graph's own not seen
            "reserved_mb": torch.cuda.memory_reserved() / MB,  # of PyTorch's allocator, graphs and gaps included
            "device_used_mb": (total - free) / MB}  # of the whole card: context, libraries and kernels too


def clean(device):
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def stepper(case, module, inputs, options):
    if case.mode != "compiled":
        return lambda: module(*inputs)
    compiled = torch.compile(module, mode=options.compile_mode, dynamic=False)

    def step():
        torch.compiler.cudagraph_mark_step_begin()
        return compiled(*inputs)
    return step


@torch.no_grad()
def measure(case, options, expected):
    """expected: (work, size) -> outputs of the mode that ran first, for later ones to be compared with."""
    start = time.monotonic()
    model = build(case.work, "eager" if case.mode == "eager" else "sdpa", options)
    module = (Decoder if case.work == "decode" else Encoder)(model)
    measured = model.prompt_encoder, model.mask_decoder
    measured = measured if case.work == "decode" else (model.vision_encoder,)
    result = {"attention": attention_of(model, case.work),
              "parameters": sum(p.numel() for part in measured for p in part.parameters())}
    del model, measured
    step = stepper(case, module, inputs_of(case, options), options)
    synchronize(options.device)
    result["build_s"] = time.monotonic() - start

    start = time.monotonic()
    outputs = [out.float().cpu() for out in step()]
    result["first_run_s"] = time.monotonic() - start
    host_ms(step, 3, options.device)
    result["warmup_s"] = time.monotonic() - start
    result["finite"] = all(bool(out.isfinite().all()) for out in outputs)
    result["relative_difference"] = relative_difference(outputs, expected.setdefault((case.work, case.size), outputs))
    if case.mode == "compiled":
        counters = torch._dynamo.utils.counters
        result["graph_breaks"] = sum(counters["graph_break"].values())
        result["cudagraph_skips"] = counters["inductor"]["cudagraph_skips"]

    if options.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    result |= times_of(step, options.device)
    result |= memory(options.device)
    return result


def rates(case, result, options):
    """What the time means: per picture, and against the rate of a bare product."""
    pictures = 1 if case.work == "decode" else case.size
    result["ms_per_picture"] = result["median_ms"] / pictures
    constant = None if options.tiny else GFLOP.get(f"decode_{case.size}" if case.work == "decode" else case.work)
    if constant:
        result["tflop_s"] = sum(constant) * pictures / result["median_ms"]
    return result


# What is written

class Report:
    def __init__(self, options):
        self.path = options.out and pathlib.Path(options.out)
        self.document = {"peer": "pytorch", "versions": versions(), "device": device_facts(options.device),
                         "tiny": options.tiny, "compile_mode": options.compile_mode, "budget_s": options.budget_s,
                         "gflop": {name: {"products": products, "attention": attention}
                                   for name, (products, attention) in GFLOP.items()},
                         "limits": None, "cases": [], "skipped": [], "running": None}

    def write(self, running=None):
        self.document |= {"running": running, "elapsed_s": round(time.monotonic() - START, 2)}
        if self.path:
            draft = self.path.with_name(self.path.name + ".part")
            draft.write_text(json.dumps(rounded(self.document), indent=1) + "\n")
            draft.replace(self.path)

    def table(self):
        found = self.document["limits"] or {}
        rate = found.get("product_tflop_s")
        print(f"\n{self.document['device']['name']}, torch {torch.__version__}, transformers {transformers.__version__}")
        if rate:
            print(f"copy {found['copy_gb_s']:.0f} GB/s, bf16 product {rate:.1f} TFLOP/s")
        print(f"{'case':<32}{'ms':>9}{'latency':>9}{'TFLOP/s':>9}{'of rate':>9}{'MB':>8}{'warm-up':>9}  differs")
        for case in self.document["cases"]:
            if "error" in case:
                print(f"{case['name']:<32} failed: {first_line(case['error'])}")
                continue
            speed = case.get("tflop_s")
            columns = [f"{case['median_ms']:.3f}", f"{case['latency_ms']:.3f}", f"{speed:.1f}" if speed else "",
                       f"{100 * speed / rate:.0f} %" if speed and rate else "",
                       f"{case['reserved_mb']:.0f}" if "reserved_mb" in case else "", f"{case['warmup_s']:.1f} s"]
            widths = (9, 9, 9, 9, 8, 9)
            note = "" if case["finite"] else "  NOT FINITE"
            note += f"  {case['cudagraph_skips']} without CUDA graph" if case.get("cudagraph_skips") else ""
            print(f"{case['name']:<32}" + "".join(f"{text:>{width}}" for text, width in zip(columns, widths))
                  + f"  {case['relative_difference']:.1e}{note}")
        if self.document["skipped"]:
            print(f"not started: {', '.join(self.document['skipped'])}")
        print(f"{time.monotonic() - START:.0f} s in all", flush=True)


def first_line(text):
    return text.splitlines()[0][:120]


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)  # JSON has no NaN
    return value


def versions():
    found = {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__,
             "cuda": torch.version.cuda}
    if torch.cuda.is_available():
        found["cudnn"] = torch.backends.cudnn.version()
    try:
        import triton
        found["triton"] = triton.__version__
    except ImportError:
        pass
    return found


def device_facts(device):
    if device != "cuda":
        return {"name": device, "cores": CORES}
    query = "driver_version,clocks.sm,clocks.mem,power.limit,temperature.gpu"
    try:
        state = subprocess.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader", "-i", "0"],
                               capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        state = str(error)
    properties = torch.cuda.get_device_properties(0)
    return {"name": properties.name, "multiprocessors": properties.multi_processor_count,
            "memory_mb": properties.total_memory // MB, "cores": CORES, query: state}


def device_works(device):
    """False behind an error that CUDA does not forget, such as an illegal address."""
    try:
        synchronize(device)
        torch.ones(8, device=device).sum().item()
        return True
    except RuntimeError:
        return False


def attempt(case, options, expected):
    record = {"name": name_of(case), "work": case.work, "mode": case.mode,
              "clicks" if case.work == "decode" else "batch": case.size}
    try:
        return record | rates(case, measure(case, options, expected), options)
    except Exception as error:  # whatever one case meets, the others are still worth having
        return record | {"error": f"{type(error).__name__}: {error}"[:2000]}


def run(options):
    report, expected = Report(options), {}
    report.write("limits")
    try:
        report.document["limits"] = limits(options)
    except RuntimeError as error:
        report.document["limits"] = {"error": str(error)[:2000]}
    clean(options.device)
    wanted = [case for case in all_cases() if case.work in options.work and case.mode in options.modes
              and (case.work == "decode" or case.size in options.batch)]
    for i, case in enumerate(wanted):
        if time.monotonic() - START > options.budget_s:
            report.document["skipped"] = [name_of(left) for left in wanted[i:]]
            break
        report.write(name_of(case))
        result = attempt(case, options, expected)
        clean(options.device)
        report.document["cases"].append(result)
        shown = f"{result['median_ms']:.3f} ms" if "median_ms" in result else f"failed: {first_line(result['error'])}"
        print(f"[{time.monotonic() - START:6.1f} s] {result['name']}: {shown}", flush=True)
        if not device_works(options.device):
            report.document["lost"] = f"the device answers no more after {result['name']}"
            report.document["skipped"] = [name_of(left) for left in wanted[i + 1:]]
            break
    report.write()
    report.table()


def count(options):
    """GFLOP anew, on the device "meta", which computes shapes only."""
    from torch.utils.flop_counter import FlopCounterMode
    options.device = "meta"
    found = {}
    for work, size in [*((work, 1) for work in ENCODERS), ("decode", 1), ("decode", 64)]:
        model = build(work, "eager", options).requires_grad_(False)  # the counter trips over views of weights
        module = (Decoder if work == "decode" else Encoder)(model)
        with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
            module(*inputs_of(Case(work, "eager", size), options))
        each = {str(op): flop / 1e9 for op, flop in counter.get_flop_counts()["Global"].items()}
        attention = sum(flop for op, flop in each.items() if "bmm" in op)
        name = f"decode_{size}" if work == "decode" else work
        found[name] = round(sum(each.values()) - attention, 2), round(attention, 2)
    print(json.dumps(found, indent=1))


def one_of(known, cast=str):
    def parse(text):
        items = [cast(item) for item in text.split(",") if item]
        unknown = [item for item in items if item not in known]
        if unknown or not items:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(map(str, known))}, found '{text}'")
        return items
    return parse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=one_of(WORK), default=list(WORK), help=",".join(WORK))
    parser.add_argument("--modes", type=one_of(MODES), default=list(MODES), help=",".join(MODES))
    parser.add_argument("--batch", type=one_of((1, 8), int), default=[1, 8], help="pictures an encoder takes at once: 1,8")
    parser.add_argument("--out", help="JSON file")
    parser.add_argument("--budget-s", type=float, default=math.inf, help="start no case after so many seconds")
    parser.add_argument("--compile-mode", default="max-autotune", help="torch.compile's mode")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="models of a few blocks on pictures of 256 x 256")
    parser.add_argument("--count", action="store_true", help="count the models' operations and leave")
    options = parser.parse_args()
    options.encoders, options.side = (TINY_ENCODERS, 256) if options.tiny else (ENCODERS, 1024)
    if options.count:
        return count(options)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch finds no NVIDIA GPU here; --device cpu --tiny only tests this program")
    torch.backends.cudnn.benchmark = True
    if hasattr(torch._inductor.config, "autotune_num_choices_displayed"):
        torch._inductor.config.autotune_num_choices_displayed = 1  # of dozens, for every product
    run(options)


if __name__ == "__main__":
    main()
