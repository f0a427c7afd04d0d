# Distribution generalisation: modules of two halves of a data set, each with 80 % of one label's examples, added with
# weights of a half each, and compared with each of them and with a module of the whole.
run_setting() {
  local task seed method name
  for task in sst2 rte; do
    record "commonest answer" "$task" "$(commonest "$data/superglue-glue/$task/test.jsonl")"
    for method in LoRA IA3; do
      local recipe=$task.yaml
      if [[ $method == IA3 ]]; then recipe=$task.ia3.yaml; fi
      for seed in $seeds; do
        local path=$folder/$task-$method/seed-$seed
        module "$path/whole" "$recipe"
        module "$path/half-0" "$recipe" --set 'tasks.0.split={skew: 0.8, part: 0}'
        module "$path/half-1" "$recipe" --set 'tasks.0.split={skew: 0.8, part: 1}'
        composed "$path/added" "0.5*a + 0.5*b" "a=$path/half-0" "b=$path/half-1"
        if [[ $method == LoRA ]]; then
          composed "$path/exact-sum" "0.5*a + 0.5*b" "a=$path/half-0" "b=$path/half-1" --operator cat
        fi
        for name in half-0 half-1 added exact-sum whole; do
          if [[ -d $path/$name ]]; then scored "$method, ${name/-/ }" "$task" "$path/$name" "$recipe"; fi
        done
      done
    done
  done
}

describe_setting() {
  echo "Accuracy on the whole test sets, mean ± standard deviation over the seeds $seeds:"
  echo
  table "module"
}
