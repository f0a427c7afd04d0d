# Domain transfer: a classifier of one kind of reviews, and language modules of both, make a classifier of the other:
# λ classifier + (1 - λ) (target text - source text). λ is chosen on the first 200 test reviews, and all are scored on
# the rest. MiniLM has no head for masked tokens, so that BERT's other task without labels trains the language modules.
run_setting() {
  local seed kind
  prepare_reviews
  for kind in amazon yelp; do
    head -n 200 "$all/data/$kind-polar-test.jsonl" >"$all/data/$kind-polar-validation.jsonl"
    tail -n +201 "$all/data/$kind-polar-test.jsonl" >"$all/data/$kind-polar-rest.jsonl"
    pairs <"$all/data/$kind-train.jsonl" >"$all/data/$kind-pairs-train.jsonl"
    pairs <"$all/data/$kind-test.jsonl" >"$all/data/$kind-pairs-test.jsonl"
  done
  for seed in $seeds; do
    for kind in amazon yelp; do
      polar "$kind" rest
      module "$folder/seed-$seed/$kind-classifier" reviews-sentiment.yaml "${polar[@]}"
      module "$folder/seed-$seed/$kind-text" reviews-pairs.yaml --set "tasks.0.name=$kind-text" \
        --set "tasks.0.train=$all/data/$kind-pairs-train.jsonl" --set "tasks.0.test=$all/data/$kind-pairs-test.jsonl"
    done
    transfer amazon yelp
    transfer yelp amazon
  done
}

# polar KIND PART: the options of the files of a kind of reviews.
polar() {
  polar=(--set "tasks.0.train=$all/data/$1-polar-train.jsonl" --set "tasks.0.test=$all/data/$1-polar-$2.jsonl")
}

# on_target ROW ADAPTER: the accuracy on the target's reviews.
on_target() {
  polar "$target" rest
  scored "$1" "$column" "$2" reviews-sentiment.yaml "${polar[@]}"
}

# transfer SOURCE TARGET: a classifier of TARGET's reviews without their labels.
transfer() {
  local path=$folder/seed-$seed column="$1 to $2" target=$2
  local parts=("cls=$path/$1-classifier" "target=$path/$2-text" "source=$path/$1-text")
  say "searching λ, $column, seed $seed"
  polar "$target" validation
  quietly compose --search "λ*cls + (1-λ)*(target - source)" --grid 0.8:1:0.02 \
    --recipe "$recipes/reviews-sentiment.yaml" "${polar[@]}" --adapter "${parts[0]}" \
    --adapter "${parts[1]}" --adapter "${parts[2]}" --output "$path/$1-to-$2" --overwrite --json >/dev/null
  composed "$path/$1-to-$2-0.9" "0.9*cls + 0.1*(target - source)" "${parts[@]}"
  record "commonest answer" "$column" "$(commonest "$all/data/$2-polar-rest.jsonl")"
  on_target "the other kind's classifier alone" "$path/$1-classifier"
  on_target "with language modules, λ = 0.9" "$path/$1-to-$2-0.9"
  on_target "with language modules, λ chosen" "$path/$1-to-$2"
  on_target "its own kind's classifier" "$path/$2-classifier"
}

# BERT's next-sentence task out of lines of text: the halves of a text, or a first half and another text's second one.
pairs() {
  awk '
    {
      text = $0; sub(/^\{"text": "/, "", text); sub(/", "label": "[^"]*"\}$/, "", text)
      count = split(text, words, " "); if (count < 20) next
      first = second = ""
      for (i = 1; i <= count; i++) if (i <= count / 2) first = first words[i] " "; else second = second words[i] " "
      starts[++n] = first; ends[n] = second
    }
    END {
      for (i = 1; i <= n; i++) {
        other = i % 2 ? i : (i + int(n / 2)) % n + 1
        label = other == i ? "same" : "other"
        printf "{\"first\": \"%s\", \"second\": \"%s\", \"label\": \"%s\"}\n", starts[i], ends[other], label
      }
    }'
}

describe_setting() {
  echo "Accuracy on the test reviews but for the first 200, on which λ is chosen; mean ± standard deviation over the"
  echo "seeds $seeds:"
  echo
  table "classifier"
}
