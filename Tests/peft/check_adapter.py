#!/usr/bin/env python3
"""Checks that stock PEFT loads an adapter of Polyad's and computes the same logits from it.

    python check_adapter.py --model DIR --adapter DIR --polyad PATH [--routed DIR] [--task TASK]

DIR of --model is the Hugging Face folder that the adapter was trained on, PATH the polyad program. With --routed, the
adapter is one that `polyad export` made of a task of the routed one: PEFT, which loads it under the name of its folder,
must compute what Polyad computes with the routed adapter for that task. Without it, TASK is the number of the task that
an adapter of type POLY shall use. Needs the packages torch, transformers, peft and safetensors. Exit code 0 means that
all logits agree: to 1e-5 of the largest one, a few times the rounding of single precision (PEFT computes in double
precision here).
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
from transformers import (AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification)
from transformers.utils import logging

# Of libraries about each other, and of PEFT about keys of Polyad's beside its own.
warnings.filterwarnings("ignore", category=FutureWarning)
warnings.filterwarnings("ignore", message="Unexpected keyword arguments")
logging.set_verbosity_error()
logging.disable_progress_bar()

# See distance().
TOLERANCE = 1e-5

ENCODERS = ["bert", "roberta"]


class Mismatch(Exception):
    """What PEFT and Polyad differ in."""


def distance(config, found, expected):
    """The largest difference of logits, relative to an example's largest; of classes and numbers, to the largest of all
    examples, since a single number may be near zero."""
    largest = [logits.abs().max() for logits in expected]
    if config.model_type in ENCODERS:
        largest = [max(largest)] * len(largest)
    return max(((a - b).abs().max() / size).item() for a, b, size in zip(found, expected, largest))


def random_examples(config):
    """Lines of token ids of ragged lengths, the same at each run; no padding tokens, which RoBERTa gives no position of
    their own."""
    generator = random.Random(1)
    longest = min(getattr(config, "max_position_embeddings", 256) - 2, 256)

    def ids(length):
        return [generator.randrange(3, config.vocab_size) for _ in range(length)]

    sources = [ids(length) for length in [1, 2, 17, min(64, longest), longest]]
    if config.model_type in ENCODERS:
        return [{"input_ids": source, "label": 0} for source in sources]
    if config.is_encoder_decoder:
        return [{"input_ids": source, "labels": ids(length)} for source, length in zip(sources, [9, 1, 33, 4, 12])]
    return [{"input_ids": source, "labels": source} for source in sources]


def logits_of_polyad(polyad, model, adapter, task, examples):
    """What `polyad score --logits` writes for each example."""
    with tempfile.TemporaryDirectory() as folder:
        lines, output = Path(folder) / "examples.jsonl", Path(folder) / "logits.safetensors"
        lines.write_text("".join(json.dumps(example) + "\n" for example in examples))
        command = [polyad, "score", "--model", model, "--adapter", adapter, "--input", lines, "--logits", output]
        command += ["--task", str(task)] if task is not None else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        tensors = load_file(output)
        return [tensors[f"logits.{index}"].double() for index in range(len(examples))]


def logits_of_model(model, examples, **options):
    model.eval()
    logits = []
    for example in examples:
        inputs = {"input_ids": torch.tensor([example["input_ids"]])}
        if model.config.is_encoder_decoder:
            inputs["labels"] = torch.tensor([example["labels"]])
        with torch.no_grad():
            logits.append(model(**inputs, **options).logits[0])
    return logits


def load_base(folder, saved):
    """The model in double precision; an encoder with as many classes as the adapter's classifier has."""
    config = AutoConfig.from_pretrained(folder)
    options = {"dtype": torch.float64}
    if config.model_type not in ENCODERS:
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        return kind.from_pretrained(folder, **options)
    heads = [saved.get("base_model.model.classifier." + name) for name in ["weight", "out_proj.weight"]]
    for head in heads:
        if head is not None:
            options |= {"num_labels": head.shape[0], "ignore_mismatched_sizes": True}
    return AutoModelForSequenceClassification.from_pretrained(folder, **options)


def compare(polyad, model, adapter, routed=None, task=None):
    """The numbers in an adapter, how far it moves logits, and how far Polyad's are from PEFT's. Throws Mismatch."""
    saved = load_file(Path(adapter) / "adapter_model.safetensors")
    base = load_base(model, saved)
    examples = random_examples(base.config)
    without_adapter = logits_of_model(base, examples)
    with warnings.catch_warnings():
        # PEFT only warns when a tensor of its own is missing in the file.
        warnings.filterwarnings("error", message="Found missing adapter keys")
        name = Path(adapter).name if routed else "default"
        adapted = PeftModel.from_pretrained(base, adapter, name, autocast_adapter_dtype=False)
    # Tensors of the file that PEFT has no place for are dropped without a word.
    count = sum(tensor.numel() for tensor in saved.values())
    loaded = sum(
        parameter.numel()
        for name, parameter in adapted.named_parameters()
        if any(part in name for part in ["lora_", "ia3_l", "poly_router", "modules_to_save"])
    )
    if loaded != count:
        raise Mismatch(f"the file holds {count} numbers, but PEFT's adapter has {loaded}")
    options = {"task_ids": torch.tensor([task])} if task is not None and not routed else {}
    with_adapter = logits_of_model(adapted.double(), examples, **options)
    change = distance(base.config, with_adapter, without_adapter)
    if change == 0:
        raise Mismatch("the adapter does nothing, so nothing was checked")
    found = logits_of_polyad(polyad, model, routed or adapter, task, examples)
    worst = distance(base.config, found, with_adapter)
    if not worst <= TOLERANCE:
        raise Mismatch(f"logits differ by {worst:.3g} of the largest, more than {TOLERANCE:g}")
    return count, change, worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ["--model", "--adapter", "--polyad"]:
        parser.add_argument(option, required=True)
    for option in ["--routed", "--task"]:
        parser.add_argument(option)
    arguments = parser.parse_args()
    if arguments.routed and arguments.task is None:
        parser.error("--routed needs --task")
    task = arguments.task if arguments.routed or arguments.task is None else int(arguments.task)
    try:
        count, change, worst = compare(arguments.polyad, arguments.model, arguments.adapter, arguments.routed, task)
    except Mismatch as mismatch:
        sys.exit(str(mismatch))
    print(f"the adapter has {count} numbers and changes logits by up to {change:.3g} of the largest")
    print(f"largest difference: {worst:.3g} of the largest logit")


if __name__ == "__main__":
    main()
