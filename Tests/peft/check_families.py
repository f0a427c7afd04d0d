#!/usr/bin/env python3
"""Trains adapters of every method that stock PEFT has, on a model of every family, and checks them with check_adapter.

    python check_families.py --backbones DIR --polyad PATH [FAMILY ...]

DIR holds a folder a family: a small Hugging Face model, and batch.json with examples of three tasks. Adapters that
stock PEFT lacks, and those with classification heads of single tasks, are exported task by task. Prints a line an
adapter; exit code 0 means that all agree. Takes a few minutes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from check_adapter import ENCODERS, Mismatch, compare

TASKS = 3

# A method's name, its keys in a recipe, and what is checked: the adapter itself, with each task's number where PEFT
# routes by task, or each task's export.
METHODS = [
    ("LORA", "peft_type: LORA, r: 4, lora_alpha: 8", "whole"),
    ("DoRA", "peft_type: LORA, r: 4, lora_alpha: 8, use_dora: true", "whole"),
    ("IA3", "peft_type: IA3", "whole"),
    ("POLY", "peft_type: POLY, r: 2", "tasks"),
    ("MHR", "peft_type: POLY, r: 2, n_splits: 4", "tasks"),
    ("TASK_LORA", "peft_type: TASK_LORA, r: 4, lora_alpha: 8", "exports"),
    ("POLY", "peft_type: POLY, r: 2", "exports"),
    ("MHR", "peft_type: POLY, r: 2, n_splits: 4", "exports"),
    ("C_POLY", "peft_type: C_POLY, r: 2, lora_alpha: 4", "exports"),
]

# The same for encoders whose tasks have heads of 2 classes, of 3, and of one number.
HEADED_METHODS = [
    (name, keys, "exports") for name, keys, kind in METHODS if kind == "exports" or name in ["LORA", "DoRA", "IA3"]
]
LABEL_COUNTS = [2, 3, 1]


def lines_of_tasks(model, has_heads):
    """The batch's lines by task; with heads, labels that fit them."""
    lines = [[] for _ in range(TASKS)]
    for number, example in enumerate(json.loads((model / "batch.json").read_text())["batch"]):
        task = example.pop("task")
        if has_heads:
            example["label"] = number % LABEL_COUNTS[task] if LABEL_COUNTS[task] > 1 else number / 4
        lines[task].append(json.dumps(example))
    return ["\n".join(task) + "\n" for task in lines]


def train(polyad, model, keys, has_heads, folder):
    """Trains an adapter for some steps, far enough from its start, and returns its folder."""
    tasks = ""
    for task, text in enumerate(lines_of_tasks(model, has_heads)):
        (folder / f"{task}.jsonl").write_text(text)
        head = f", num_labels: {LABEL_COUNTS[task]}" if has_heads else ""
        tasks += f"  - {{name: task.{task}, format: pretokenized, train: {task}.jsonl{head}}}\n"
    recipe = folder / "recipe.yaml"
    recipe.write_text(f"""
model_name_or_path: {model}
output_dir: run
adapter: {{{keys}}}
tasks:
{tasks}max_seq_length: 128
train_batch_size: 6
max_steps: 20
learning_rate: 0.02
lr_scheduler_type: constant
""")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([polyad, "train", recipe], check=True, cwd=folder, **silent)
    return folder / "run"


def comparisons(polyad, model, adapter, kind, folder):
    """What compare() is called with beside the program and the model."""
    if kind == "whole":
        return [{"adapter": adapter}]
    if kind == "tasks":
        return [{"adapter": adapter, "task": task} for task in range(TASKS)]
    exports = folder / "exports"
    subprocess.run(
        [polyad, "export", "--adapter", adapter, "--all-tasks", "--output", exports], check=True,
        stdout=subprocess.DEVNULL)
    # Once against the adapter that it was made of, and once as any PEFT adapter.
    folders = [exports / f"task-{task}-task_{task}" for task in range(TASKS)]
    return [{"adapter": place, "routed": adapter, "task": task} for task, place in enumerate(folders)] + [
        {"adapter": place} for place in folders
    ]


def check(polyad, model, method, has_heads):
    """A line of numbers about one adapter. Throws Mismatch."""
    _, keys, kind = method
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        adapter = train(polyad, model, keys, has_heads, folder)
        calls = comparisons(polyad, model, adapter, kind, folder)
        results = [compare(polyad, model, **call) for call in calls]
    return f"{max(r[2] for r in results):.1e} of the largest logit, which it moves by {min(r[1] for r in results):.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ["--backbones", "--polyad"]:
        parser.add_argument(option, required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("families", nargs="*", metavar="FAMILY")
    arguments = parser.parse_args()
    found = sorted(path.name for path in arguments.backbones.iterdir() if (path / "batch.json").is_file())
    failures = 0
    for family in arguments.families or found:
        model = arguments.backbones / family
        # PEFT's Poly takes no Conv1D, which GPT-2 is made of.
        methods = [(method, False) for method in METHODS if family != "gpt2" or method[2] != "tasks"]
        methods += [(method, True) for method in HEADED_METHODS if family in ENCODERS]
        for method, has_heads in methods:
            label = f"{family:8} {method[0]:10} {method[2]:8}{' with heads' if has_heads else ''}"
            try:
                print(f"{label:39} {check(arguments.polyad, model, method, has_heads)}", flush=True)
            except (Mismatch, subprocess.CalledProcessError) as error:
                failures += 1
                print(f"{label:39} FAILS: {error}", flush=True)
    if failures:
        sys.exit(f"{failures} of the adapters do not agree")


if __name__ == "__main__":
    main()
