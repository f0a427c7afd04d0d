# Multi-tasking: a module of RTE and one of MNLI, added with weights λ and 1 - λ. Each brings the head of its task. λ is
# chosen on the first part of the test files, and all are scored on the rest.
run_setting() {
  local seed task count
  mkdir -p "$folder/data"
  for task in rte:100 mnli:300; do
    count=${task#*:} task=${task%:*}
    head -n "$count" "$data/superglue-glue/$task/test.jsonl" >"$folder/data/$task-validation.jsonl"
    tail -n "+$((count + 1))" "$data/superglue-glue/$task/test.jsonl" >"$folder/data/$task-test.jsonl"
    record "commonest answer" "$task" "$(commonest "$folder/data/$task-test.jsonl")"
  done
  local validation=(--set "tasks.0.test=$folder/data/rte-validation.jsonl"
    --set "tasks.1.test=$folder/data/mnli-validation.jsonl")
  local test=(--set "tasks.0.test=$folder/data/rte-test.jsonl" --set "tasks.1.test=$folder/data/mnli-test.jsonl")
  for seed in $seeds; do
    local path=$folder/seed-$seed
    module "$path/rte" rte.yaml "${test[@]:0:2}"
    module "$path/mnli" mnli.yaml --set "tasks.0.test=$folder/data/mnli-test.jsonl"
    say "searching λ, seed $seed"
    quietly compose --search "λ*rte + (1-λ)*mnli" --grid 0:1:0.1 --recipe "$recipes/nli.yaml" "${validation[@]}" \
      --adapter "rte=$path/rte" --adapter "mnli=$path/mnli" --output "$path/best" --overwrite --json >"$path/best.json"
    composed "$path/mean" "0.5*rte + 0.5*mnli" "rte=$path/rte" "mnli=$path/mnli"
    # λ = 1 and 0: one module under both heads.
    composed "$path/rte-alone" "rte + 0*mnli" "rte=$path/rte" "mnli=$path/mnli"
    composed "$path/mnli-alone" "0*rte + mnli" "rte=$path/rte" "mnli=$path/mnli"
    record_all "RTE's module under both heads" "$path/rte-alone"
    record_all "MNLI's module under both heads" "$path/mnli-alone"
    record_all "added, λ = 0.5" "$path/mean"
    record_all "added, λ chosen" "$path/best"
    record "added, λ chosen" "λ of RTE" "$(sed -n 's/.*"lambda": *\([0-9.]*\), *"candidates".*/\1/p' "$path/best/search.json")"
  done
}

record_all() {
  local found task value
  found=$(measures "$2" nli.yaml "${test[@]}")
  while IFS=$'\t' read -r task value; do record "$1" "$task" "$value"; done <<<"$found"
}

describe_setting() {
  echo "Accuracy on the test files but for their first 100 (RTE) and 300 (MNLI) examples, on which λ is chosen; mean ±"
  echo "standard deviation over the seeds $seeds:"
  echo
  table "module"
}
