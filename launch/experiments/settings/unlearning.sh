# Unlearning: a language module is trained on negative reviews and negated. The paper's GPT-2 large, Civil Comments and
# Detoxify are here a small GPT-2 of reviews, its negative ones and MiniLM as a judge of their sentiment.
source "$settings/small-gpt2.sh"

run_setting() {
  local seed method lambda
  prepare_reviews
  prepare_base
  prepare_judge
  negative_data
  for seed in $seeds; do
    record_model "the model alone" --model "$all/base"
    for method in FULL LoRA IA3; do
      local recipe=reviews-lm.yaml path=$folder/$method/seed-$seed as=(--model "$all/base" --adapter) base=()
      case $method in
        IA3) recipe=reviews-lm.ia3.yaml ;;
        FULL) recipe=reviews-lm.full.yaml as=(--model) base=(--model "$all/base") ;;
      esac
      module "$path/negative" "$recipe" --set "model_name_or_path=$all/base" \
        --set "tasks.0.train=$folder/data/negative-train.jsonl"
      record_model "$method, trained on negative reviews" "${as[@]}" "$path/negative"
      for lambda in 0.3 0.7; do
        composed "$path/negated-$lambda" "-$lambda*negative" "negative=$path/negative" "${base[@]}"
        record_model "$method, negated, λ = $lambda" "${as[@]}" "$path/negated-$lambda"
      done
    done
  done
}

# What is to be forgotten, and lines of both kinds of text to measure perplexity on.
negative_data() {
  local label
  mkdir -p "$folder/data"
  cat "$all"/data/{amazon,yelp}-train.jsonl | grep '"label": "negative"' >"$folder/data/negative-train.jsonl"
  for label in negative positive; do
    cat "$all"/data/{amazon,yelp}-test.jsonl | grep "\"label\": \"$label\"" |
      sed 's/^{"text": "\(.*\)", "label": .*/{"source": "Review:", "target": " \1"}/' >"$folder/data/$label-text.jsonl"
  done
  for ((i = 0; i < 300; i++)); do echo '{"source": "Review:"}'; done >"$folder/data/prompts.jsonl"
}

# MiniLM learns whether a review is negative, from reviews of both kinds.
prepare_judge() {
  local part seed=0
  for part in train test; do
    cat "$all"/data/{amazon,yelp}-polar-$part.jsonl >"$all/data/polar-$part.jsonl"
  done
  module "$all/judge" reviews-judge.yaml --set "tasks.0.train=$all/data/polar-train.jsonl" \
    --set "tasks.0.test=$all/data/polar-test.jsonl"
  judge_accuracy=$(measures "$all/judge" reviews-judge.yaml --set "tasks.0.train=$all/data/polar-train.jsonl" \
    --set "tasks.0.test=$all/data/polar-test.jsonl" | cut -f 2)
}

# record_model ROW OPTIONS…: the share of negative reviews among 300 that a model writes, and perplexities.
record_model() {
  local row=$1 label
  shift
  say "measuring: $row, seed $seed"
  quietly generate "$@" --input "$folder/data/prompts.jsonl" --max-new-tokens 60 --do-sample --seed "$seed" |
    sed 's/.*"text": "\(.*\)"}$/{"source": "\1", "target": "negative"}/' >"$folder/samples.jsonl"
  quietly score --model "$minilm" --adapter "$all/judge" --task reviews --input "$folder/samples.jsonl" |
    awk '/"prediction": "negative"/ { negative++ } END { print 100 * negative / NR }' >"$folder/share"
  record "$row" "negative reviews written, %" "$(cat "$folder/share")"
  for label in negative positive; do
    quietly score "$@" --input "$folder/data/$label-text.jsonl" |
      sed 's/.*"loss_sum": *\([^,]*\), *"label_count": *\([0-9]*\).*/\1 \2/' |
      awk '{ loss += $1; labels += $2 } END { print exp(loss / labels) }' >"$folder/perplexity"
    record "$row" "perplexity of $label reviews" "$(cat "$folder/perplexity")"
  done
  rm -f "$folder/samples.jsonl" "$folder/share" "$folder/perplexity"
}

describe_setting() {
  echo "300 reviews of 60 tokens drawn from each model, judged by MiniLM (right on $(printf %.1f "$judge_accuracy") % of"
  echo "real ones), and perplexities of real test reviews; mean ± standard deviation over the seeds $seeds:"
  echo
  table "model"
}
