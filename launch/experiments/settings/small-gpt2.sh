# The backbone of the settings that need a language model: a small GPT-2, trained here on the text of reviews.

# GPT-2's tokenizer.json with its first merges alone: a byte-level BPE of `size` tokens, the last of them end of text.
small_tokenizer() {
  awk -v size="$1" '
    /"id": 50256/ { sub(/50256/, size - 1) }
    /^    "vocab": \{/ { part = "vocab"; print; next }
    /^    "merges": \[/ { part = "merges"; print; next }
    part == "vocab" && /^      "/ {
      id = $NF; sub(/,$/, "", id)
      if (id + 0 < size - 1) keep()
      next
    }
    part == "merges" && /^      / {
      if (merges++ < size - 257) keep()
      next
    }
    part != "" && /^    [\]}]/ {
      if (part == "vocab") printf ",\n      \"<|endoftext|>\": %d", size - 1
      printf "\n"; part = between = ""
    }
    { print }
    function keep() { sub(/,$/, ""); printf "%s%s", between, $0; between = ",\n" }
  ' "$root/../shared/tokenizers/gpt2/tokenizer.json"
}

# Trains the model into $all/base, unless that is done.
prepare_base() {
  local i kind part options=()
  mkdir -p "$all/model"
  cp "$root/launch/recipes/small-gpt2-reviews/config.json" "$all/model/"
  small_tokenizer 4096 >"$all/model/tokenizer.json"
  i=0
  for kind in amazon yelp; do
    for part in train test; do options+=(--set "tasks.$i.$part=$all/data/$kind-$part.jsonl"); done
    i=$((i + 1))
  done
  say "training the small GPT-2 on reviews, ${all}/base"
  quietly train "$recipes/reviews-base.yaml" --set "model_name_or_path=$all/model" "${options[@]}" \
    --set "output_dir=$all/base" --resume --json >/dev/null
}
