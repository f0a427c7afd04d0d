# Three hosts write the bytes of one rank, two go on with what three began.

# recipe_of METHOD: a short recipe of its own for a method.
recipe_of() {
  local keys
  case $1 in
    LORA) keys="{peft_type: LORA, r: 4, lora_alpha: 8}" ;;
    C_POLY) keys="{peft_type: C_POLY, n_common_skills: 2, n_task_skills: 1, r: 2, lora_alpha: 4}" ;;
    MODE) keys="{peft_type: MODE, n_experts: 3, r: 4, router_block: 2, lora_alpha: 8}" ;;
  esac
  recipe=$work/$1.yaml
  cat >"$recipe" <<END
base: $(realpath --relative-to "$work" "$here/recipe.yaml")
adapter: $keys
max_steps: 24
eval_steps: 8
save_steps: 8
END
}

same_run() {
  cmp -s "$1/adapter_model.safetensors" "$2/adapter_model.safetensors" &&
    diff -r <(scores "$1") <(scores "$2") >/dev/null
}
scores() { cat "$1"/evaluation/*.json | sed 's/, "eval_seconds": .*//'; }

check_methods() {
  local method alone recipe
  for method in LORA C_POLY MODE; do
    recipe_of "$method"
    fresh "$method-one-rank"
    job 120 local 1
    alone=$run
    fresh "$method-three-hosts"
    job 120 cluster "$three"
    claim "$method: three hosts write the adapter and the scores of one rank" same_run "$alone" "$run"
    fresh "$method-two-hosts"
    start_job cluster "$three"
    if find_ranks 3 && await_logged "step 12/"; then kill -KILL "${ranks[1]}"; fi
    await_end 30 || restart_hosts
    claim "$method: a rank is killed on three hosts, and the code is 5" ends_with 5
    job 120 cluster "$two" --resume
    claim "$method: two hosts go on to the same bytes" same_run "$alone" "$run"
  done
}

await_logged() {
  until grep -qs -- "$1" "$run/train.log"; do
    is_running || return 1
    rest 0.02
  done
}
