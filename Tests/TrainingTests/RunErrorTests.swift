import Testing
import Training

@Test(arguments: [
  (
    RunError.tooManyRanks(ranks: 9, microBatches: 8),
    "9 ranks cannot share 8 micro-batches: set micro_batches to 9 or more (this changes the result's last bits), or "
      + "start at most 8 ranks"
  ),
  (
    .holdsRun(folder: "/runs/a"),
    "output_dir /runs/a already holds a run: continue it with --resume, replace it with --overwrite, or choose another "
      + "output_dir"
  ),
  (
    .locked(folder: "/a", holder: "process 12 on node1 (job 7)", since: "2026-01-02T03:04:05Z"),
    "output_dir /a is in use by process 12 on node1 (job 7), which started 2026-01-02T03:04:05Z: wait for it to end, "
      + "stop it, or choose another output_dir"
  ),
  (
    .lockLost(folder: "/a", holder: "process 12 on node1"),
    "output_dir /a was taken over by process 12 on node1 while this job stood still: it ends and writes nothing more "
      + "there"
  ),
  (
    .lockLost(folder: "/a", holder: nil),
    "output_dir /a is not this job's any more, its lock is gone while this job stood still: it ends and writes nothing "
      + "more there"
  ),
  (
    .nothingToRank(task: "wic"),
    "task wic has prediction rank_classification, which scores labels as written answers, but the model writes none: "
      + "remove the key"
  ),
  (
    .unwritable(folder: "/a", reason: "cannot create the folder /a: Read-only file system. Choose another."),
    "output_dir /a cannot be written: cannot create the folder /a: Read-only file system. Choose another."
  ),
  (
    .resumeDiffers(folder: "/a", differences: ["`seed` was 1 and is 2", "`adapter.r` was 4 and is 8"]),
    "cannot resume /a, whose recipe differs: `seed` was 1 and is 2; `adapter.r` was 4 and is 8. Use the old recipe "
      + "(recipe.yaml there), or another output_dir"
  ),
  (
    .dataChanged(folder: "/a", tasks: ["add", "copy"]),
    "cannot resume /a: the training data of add, copy is not what it was. Put the old data back, or choose another "
      + "output_dir"
  ),
  (
    .holdsInput(folder: "/a", key: "adapter.init_from"),
    "output_dir /a holds what adapter.init_from names, which the run would overwrite: choose another output_dir"
  ),
  (
    .notFinite(step: 12, count: 10, checkpoint: "/a/checkpoint-2"),
    "stopped at step 12: 10 steps in a row had a loss or gradient that is NaN or infinite; lower learning_rate or look "
      + "at the data. The last good checkpoint is /a/checkpoint-2; continue from it with --resume"
  ),
  (
    .parametersNotFinite(step: 1, checkpoint: nil),
    "stopped at step 1: trained numbers have become NaN or infinite and are not saved; lower learning_rate. No "
      + "checkpoint was saved before"
  ),
  (
    .ranksDiffer(
      step: 4, parameter: "a.lora_B", places: "node2 (rank 3)", isMajority: true, checkpoint: "/a/checkpoint-2"),
    "the ranks hold different numbers after step 4: the first parameter that differs is a.lora_B, and node2 (rank 3) has "
      + "it otherwise than most ranks; look at the memory and the processor there, or leave the host out. The last good "
      + "checkpoint is /a/checkpoint-2; continue from it with --resume"
  ),
  (
    .ranksDiffer(step: 4, parameter: "a.lora_B", places: "node2 (rank 1)", isMajority: false, checkpoint: nil),
    "the ranks hold different numbers after step 4: the first parameter that differs is a.lora_B, and node2 (rank 1) has "
      + "it otherwise than rank 0, and nothing tells which is right; look at the memory and the processors of these "
      + "hosts. No checkpoint was saved before"
  ),
  (
    .saveFailed(path: "/a/checkpoint-9", reason: "cannot write /a: Full. Free some.", checkpoint: "/a/checkpoint-5"),
    "saving /a/checkpoint-9 failed: cannot write /a: Full. Free some. The last good checkpoint is /a/checkpoint-5; "
      + "continue from it with --resume"
  ),
  (.badState(file: "/a/trainer_state.json", reason: "not a state"), "/a/trainer_state.json: not a state"),
  (
    .noTokenizer(folder: "/m"),
    "/m has no tokenizer; set tokenizer_name_or_path to a folder that has one"
  ),
  (
    .sequenceTooLong(key: "max_seq_length", value: 2048, maximum: 1024),
    "max_seq_length is 2048, but the model has 1024 positions: lower it to 1024 or less"
  ),
  (
    .tooFewExamples(found: 3, needed: 8),
    "the data holds 3 examples, but one batch of all ranks needs 8: lower --batch, start fewer ranks or give more data"
  ),
  (
    .noParameters(key: "router_learning_rate", kind: "routers", peftType: "LORA"),
    "router_learning_rate is set, but a model with peft_type LORA has no routers: remove the key"
  ),
])
func aRunErrorSaysWhatIsWrongAndWhatToDo(error: RunError, text: String) { #expect(error.description == text) }
