#!/usr/bin/env python3
"""Checks composed adapters and merged models against stock PEFT and transformers, on a model of every family.

    python check_composed.py --backbones DIR --polyad PATH [FAMILY ...]

DIR holds a folder a family: a small Hugging Face model, and maybe a folder `adapters` with some of lora, ia3 and dora
in it. PEFT makes further adapters of random numbers. Then for every operator of `polyad compose`
- PEFT loads the result, and computes the logits that `polyad score` computes with it;
- where PEFT has the operator (add_weighted_adapter), its products of B and A, or its (IA)^3 vectors, are the same;
and for every adapter that `polyad merge` folds
- transformers loads the result, and computes the logits that PEFT computes with model and adapter;
- its weights are those of PEFT's merge_and_unload.

Needs the packages that check_adapter.py needs. Prints a line a case: how far the adapter moves logits, and the largest
differences. Exit code 0 means that all are within 1e-5 of the largest number, a few times the rounding of single
precision (PEFT and transformers compute in double precision here). Takes several minutes.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from check_adapter import ENCODERS, TOLERANCE, Mismatch, compare, distance, load_base, logits_of_model, random_examples
from peft import IA3Config, LoraConfig, PeftModel, get_peft_model
from peft.tuners.ia3 import IA3Layer
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file

# Of PEFT about GPT-2's maps, whose weights are transposed.
warnings.filterwarnings("ignore", message="fan_in_fan_out is set to False")

MODULES = {
    "gpt2": ["c_attn", "c_proj", "c_fc"],
    "llama": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "gemma": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "t5": ["q", "k", "v", "o", "wi", "wo"],
    "flan-t5": ["q", "k", "v", "o", "wi_0", "wi_1", "wo"],
    "bert": ["query", "key", "value", "intermediate.dense", "output.dense"],
    "roberta": ["query", "key", "value", "intermediate.dense", "output.dense"],
}


class Case(NamedTuple):
    """A composition: `polyad compose`'s arguments, and add_weighted_adapter's, if PEFT has the operator."""
    adapters: str
    arguments: str
    weights: list = []
    peft: dict | None = None

    @property
    def is_expression(self):
        return not self.weights

    def command(self, folders, output):
        """What stands behind `polyad compose`, for the adapters in `folders`."""
        places = [f"{name}={folders[name]}" if self.is_expression else folders[name] for name in self.adapters]
        options = [word for place in places for word in ["--adapter", place]] + ["--output", output]
        if self.is_expression:
            return [*options, "--", self.arguments]  # which may start with a minus
        return [*options, "--weights=" + ",".join(map(str, self.weights)), "--operator", *self.arguments.split()]

    def __str__(self):
        return self.arguments if self.is_expression else f"{self.adapters} {self.arguments} {self.weights}"


def like_peft(adapters, weights, operator, *options, **peft):
    return Case(adapters, " ".join([operator, *options]), weights, {"combination_type": operator, **peft})


# PEFT warns of names that are part of "lora_" or "ia3_".
LORA_CASES = [
    Case("xyz", "0.8*x + 0.2*(y - z)"),
    Case("xy", "-(x - 0.5*y)"),
    Case("xy", "add", [0.6, 0.4]),
    Case("x", "negate", [0.7]),
    Case("xyz", "analogy", [0.8, 0.2]),
    like_peft("xy", [0.7, 0.5], "linear"),
    like_peft("xyz", [0.7, -0.4, 1], "linear"),
    like_peft("xyw", [0.7, -0.4, 1], "cat"),
    Case("xyw", "svd --rank 12", [0.7, -0.4, 1]),
    like_peft("xyw", [0.7, -0.4, 1], "svd"),
    like_peft("xyw", [0.7, -0.4, 1], "svd", "--peft-compatible"),
    like_peft("xsw", [0.7, -0.4, 1], "cat"),
    like_peft("xs", [0.7, 0.5], "linear"),
    # Where the first adapter is rsLoRA's, PEFT 0.21 leaves the result so, √r times too large.
    Case("sx", "ties --density 0.5", [0.7, 0.5]),
    Case("sw", "svd", [0.7, 0.5]),
    Case("xs", "x - 0.5*s"),
    Case("xs", "s - 0.5*x"),
    Case("s", "negate", [0.7]),
    like_peft("xyz", [1, 0.8, 0.3], "ties", "--density 0.5", density=0.5),
    like_peft("xyz", [1, 0.8, 0.3], "ties", "--density 0.3 --majority frequency", density=0.3,
              majority_sign_method="frequency"),
    Case("xyz", "ties --density 0.5", [1, -0.8, 0.3]),
    like_peft("xyz", [1, -0.8, 0.3], "ties", "--density 0.5 --peft-compatible", density=0.5),
    like_peft("xyz", [1, -0.8, 0.3], "magnitude_prune", "--density 0.4", density=0.4),
    like_peft("x", [0.7], "ties", "--density 0.5 --peft-compatible", density=0.5),
    Case("xyz", "dare_linear --density 0.5 --seed 1", [0.4, -0.3, 0.3]),
    Case("xyz", "dare_ties --density 0.5 --seed 1", [0.4, 0.3, 0.3]),
]

IA3_CASES = [
    Case("xyz", "0.8*x + 0.2*(y - z)"),
    Case("xy", "add", [0.6, 0.4]),
    Case("x", "negate", [0.7]),
    Case("xyz", "analogy", [0.8, 0.2]),
    Case("xy", "linear", [0.6, 0.6]),
    Case("xy", "linear --peft-compatible", [0.6, 0.6], {}),
]

# Whole modules are averaged, which PEFT does not do.
HEADED_CASES = [Case("xyz", "0.5*x + 0.3*y + 0.2*z"), Case("xy", "cat", [0.6, 0.4])]


def lora(family, rank, scale, **options):
    return LoraConfig(r=rank, lora_alpha=scale * rank, target_modules=MODULES[family], **options)


def make_adapter(model, config, seed, folder):
    """Writes an adapter of random numbers, large enough to move logits, as PEFT writes it."""
    torch.manual_seed(seed)
    adapted = get_peft_model(load_base(model, {}).float(), config)
    for name, parameter in adapted.named_parameters():
        noise = torch.randn_like(parameter)
        if "lora_A" in name or "lora_B" in name:
            parameter.data = 0.1 * noise
        elif "modules_to_save" in name:
            parameter.data += 0.1 * noise
        elif "lora_magnitude_vector" in name or "ia3_l" in name:
            parameter.data *= 1 + 0.2 * noise
    adapted.save_pretrained(folder)


def make_adapters(model, folder, configurations):
    """Folders of random adapters by the name that `configurations` gives each."""
    for seed, (name, config) in enumerate(configurations.items()):
        make_adapter(model, config, seed, folder / name)
    return {name: folder / name for name in configurations}


def relative(found, expected):
    """The largest difference of two tensors, relative to the second's largest number."""
    if found.shape != expected.shape:
        raise Mismatch(f"a tensor has the shape {tuple(found.shape)} instead of {tuple(expected.shape)}")
    return ((found.double() - expected).abs().max() / expected.abs().max()).item()


def distance_to_peft(model, folders, case, composed):
    """How far the maps of the composed adapter are from those of PEFT's own composition."""
    names = list(case.adapters)
    options = {"autocast_adapter_dtype": False}
    adapted = PeftModel.from_pretrained(load_base(model, {}), folders[names[0]], names[0], **options)
    for name in names[1:]:
        adapted.load_adapter(folders[name], name, **options)
    adapted.double()  # what PEFT composes
    adapted.base_model.add_weighted_adapter(names, case.weights, "expected", **case.peft)
    adapted.load_adapter(composed, "composed", **options)
    adapted.double()
    differences = []
    for layer in adapted.modules():
        if isinstance(layer, LoraLayer):
            differences.append(relative(layer.get_delta_weight("composed"), layer.get_delta_weight("expected")))
        elif isinstance(layer, IA3Layer):
            differences.append(relative(layer.ia3_l["composed"], layer.ia3_l["expected"]))
    return max(differences)


def check_composition(polyad, output, model, folders, case):
    """How far the composed adapter moves logits, and the differences of logits and of maps. Throws Mismatch."""
    run([polyad, "compose", *case.command(folders, output)])
    _, moved, logits = compare(polyad, model, output)
    return moved, logits, distance_to_peft(model, folders, case, output) if case.peft is not None else None


def check_merge(polyad, output, model, adapter):
    """How far the adapter moves logits, and the differences of logits and of weights. Throws Mismatch."""
    run([polyad, "merge", "--model", model, "--adapter", adapter, "--output", output])
    base = load_base(model, load_file(Path(adapter) / "adapter_model.safetensors"))
    examples = random_examples(base.config)
    without_adapter = logits_of_model(base, examples)
    adapted = PeftModel.from_pretrained(base, adapter, autocast_adapter_dtype=False).double()
    expected = logits_of_model(adapted, examples)
    merged = load_base(output, {})
    logits = distance(base.config, logits_of_model(merged, examples), expected)
    moved = distance(base.config, expected, without_adapter)
    try:
        unloaded = adapted.merge_and_unload().state_dict()
    except AttributeError:  # PEFT 0.21 cannot unload (IA)^3 beside a classifier of several layers
        return moved, logits, None
    if unloaded.keys() != merged.state_dict().keys():
        raise Mismatch(f"other weights: {sorted(unloaded.keys() ^ merged.state_dict().keys())}")
    weights = max(relative(tensor, unloaded[name]) for name, tensor in merged.state_dict().items()
                  if unloaded[name].abs().max() > 0)
    return moved, logits, weights


def run(command):
    """Runs polyad. Throws Mismatch with its message."""
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode != 0:
        raise Mismatch(f"exit code {outcome.returncode}: {outcome.stderr.strip()}")


def cases(model, folder):
    """Pairs of a name and a function of the program and a folder to write, which gives three numbers."""
    family = model.name
    loras = make_adapters(model, folder / "lora", {
        "x": lora(family, 4, 2), "y": lora(family, 4, 1), "z": lora(family, 4, 0.5), "w": lora(family, 6, 1),
        "s": lora(family, 4, 1, use_rslora=True)})
    ia3s = make_adapters(model, folder / "ia3", {name: IA3Config() for name in "xyz"})
    compositions = [("LoRA", loras, LORA_CASES), ("IA3", ia3s, IA3_CASES)]
    mergers = make_adapters(model, folder / "merge", {
        "lora": lora(family, 4, 2), "rslora": lora(family, 4, 2, use_rslora=True),
        "dora": lora(family, 4, 2, use_dora=True), "ia3": IA3Config()})
    if load_base(model, {}).config.model_type in ENCODERS:
        headed = {name: lora(family, 4, 1, modules_to_save=["classifier"]) for name in "xyz"}
        compositions.append(("with heads", make_adapters(model, folder / "headed", headed), HEADED_CASES))
        mergers["with head"] = folder / "headed" / "x"
    for name in ["lora", "ia3", "dora"]:
        if (model / "adapters" / name).is_dir():
            mergers[f"adapters/{name}"] = model / "adapters" / name
    for kind, adapters, list_of_cases in compositions:
        for case in list_of_cases:
            yield f"{kind} {case}", partial(check_composition, model=model, folders=adapters, case=case)
    for name, adapter in mergers.items():
        yield f"merge {name}", partial(check_merge, model=model, adapter=adapter)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ["--backbones", "--polyad"]:
        parser.add_argument(option, required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("families", nargs="*", metavar="FAMILY")
    arguments = parser.parse_args()
    found = sorted(path.name for path in arguments.backbones.iterdir() if (path / "config.json").is_file())
    failures = 0
    print(f"{'family':8} {'case':62} {'moved':>8} {'logits':>8} {'PEFT':>8}")
    for family in arguments.families or found:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for number, (label, check) in enumerate(cases(arguments.backbones / family, folder)):
                try:
                    moved, *differences = check(arguments.polyad, folder / str(number))
                    numbers = " ".join(f"{'' if value is None else f'{value:.1e}':>8}" for value in differences)
                    excess = any(not value <= TOLERANCE for value in differences if value is not None)
                    result = f"{moved:8.1e} {numbers}{' FAILS' if excess else ''}"
                except (Mismatch, subprocess.CalledProcessError) as fault:
                    excess, result = True, f"FAILS: {fault}"
                failures += excess
                print(f"{family:8} {label:62} {result}", flush=True)
    if failures:
        sys.exit(f"{failures} cases differ by more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
