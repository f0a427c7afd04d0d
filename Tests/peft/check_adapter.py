#!/usr/bin/env python3
"""Checks that stock PEFT loads an adapter of Polyad's and computes the same logits from it.

    python check_adapter.py --model DIR --adapter DIR --polyad PATH [--routed DIR --task TASK]

DIR of --model is the Hugging Face folder that the adapter was trained on, PATH the polyad program. With --routed, the
adapter is one that `polyad export` made of a task of the routed one: PEFT, which loads it under the name of its folder,
must compute what Polyad computes with the routed adapter for that task. Needs the packages torch, transformers, peft
and safetensors. Exit code 0 means that all logits agree: to 1e-5 of an example's largest one, a few times the rounding
of single precision (PEFT computes in double precision here).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-5


def random_examples(vocabulary_size, longest):
    """Token ids of ragged lengths, the same at each run."""
    generator = random.Random(1)
    lengths = [1, 2, 17, min(64, longest), longest]
    return [[generator.randrange(vocabulary_size) for _ in range(length)] for length in lengths]


def logits_of_polyad(arguments, examples, folder):
    """What `polyad score --logits` writes for each example."""
    lines, output = folder / "examples.jsonl", folder / "logits.safetensors"
    with lines.open("w") as file:
        for ids in examples:
            file.write(json.dumps({"input_ids": ids, "labels": ids}) + "\n")
    adapter = arguments.routed or arguments.adapter
    command = [arguments.polyad, "score", "--model", arguments.model, "--adapter", adapter]
    command += ["--input", str(lines), "--logits", str(output)]
    command += ["--task", arguments.task] if arguments.task else []
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    tensors = load_file(output)
    return [tensors[f"logits.{index}"].double() for index in range(len(examples))]


def logits_of_model(model, examples):
    model.eval()
    with torch.no_grad():
        return [model(input_ids=torch.tensor([ids])).logits[0] for ids in examples]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ["--model", "--adapter", "--polyad"]:
        parser.add_argument(option, required=True)
    for option in ["--routed", "--task"]:
        parser.add_argument(option)
    arguments = parser.parse_args()
    if (arguments.routed is None) != (arguments.task is None):
        parser.error("--routed and --task belong together")

    base = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float64)
    longest = min(base.config.max_position_embeddings, 256)
    examples = random_examples(base.config.vocab_size, longest)
    without_adapter = logits_of_model(base, examples)
    with warnings.catch_warnings():
        # PEFT only warns when a tensor of its own is missing in the file.
        warnings.filterwarnings("error", message="Found missing adapter keys")
        name = Path(arguments.adapter).name if arguments.routed else "default"
        adapted = PeftModel.from_pretrained(base, arguments.adapter, name, autocast_adapter_dtype=False)
    # Tensors of the file that PEFT has no place for are dropped without a word.
    saved = load_file(Path(arguments.adapter) / "adapter_model.safetensors")
    count = sum(tensor.numel() for tensor in saved.values())
    loaded = sum(
        parameter.numel()
        for name, parameter in adapted.named_parameters()
        if any(part in name for part in ["lora_", "ia3_l", "modules_to_save"])
    )
    if loaded != count:
        sys.exit(f"the file holds {count} numbers, but PEFT's adapter has {loaded}")
    with_adapter = logits_of_model(adapted.double(), examples)
    with tempfile.TemporaryDirectory() as folder:
        found = logits_of_polyad(arguments, examples, Path(folder))

    change = max((a - b).abs().max().item() for a, b in zip(with_adapter, without_adapter))
    print(f"the adapter has {count} numbers and changes logits by up to {change:.3g}")
    if change == 0:
        sys.exit("the adapter does nothing, so nothing was checked")
    worst = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(found, with_adapter))
    print(f"largest difference, relative to an example's largest logit: {worst:.3g}")
    if not worst <= TOLERANCE:
        sys.exit(f"more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
