# What the settings of launch/experiments/arithmetic share. Expects root, ranks, seeds, data, minilm, all (the folder of
# all settings) and folder (this setting's).
recipes=$root/launch/recipes/arithmetic

# Runs a verb on the ranks; what it says is shown only if it fails.
quietly() {
  local status=0
  "$root/launch/local" -n "$ranks" "$@" 2>"$folder/last.log" || status=$?
  if ((status != 0)); then
    cat "$folder/last.log" >&2
    exit "$status"
  fi
}

# module PATH RECIPE [options]: trains a recipe into PATH, unless that is done. Modules of one seed start from the same
# A and the same heads, which is what makes their sum mean something.
module() {
  local path=$1 recipe=$2
  shift 2
  say "training ${path#"$all/"}"
  local start=(--set "adapter.init_seed=$seed")
  if [[ $recipe == *.full.yaml ]]; then start=(); fi # it starts from the model
  quietly train "$recipes/$recipe" "$@" --set "output_dir=$path" --set "seed=$seed" "${start[@]}" --resume --json \
    >/dev/null
}

# composed PATH EXPRESSION NAME=DIR… [options]: composes modules into PATH.
composed() {
  local path=$1 expression=$2
  local arguments=()
  shift 2
  while [[ ${1:-} == *=* ]]; do
    arguments+=(--adapter "$1")
    shift
  done
  rm -rf "$path"
  quietly compose "$expression" "${arguments[@]}" "$@" --output "$path" >/dev/null
}

# record ROW COLUMN VALUE: a number of the table.
record() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$folder/results.tsv"; }

# measures ADAPTER RECIPE [options]: the accuracy on each task of a recipe, a line "task<tab>accuracy" each.
measures() {
  local adapter=$1 recipe=$2
  shift 2
  quietly evaluate "$recipes/$recipe" --adapter "$adapter" "$@" --json | sed 's/.*"tasks": *{//; s/}, *"/}\n"/g' |
    sed -n 's/^"\([^"]*\)": *{"accuracy": *\([-+.0-9eE]*\).*/\1\t\2/p'
}

# scored ROW COLUMN ADAPTER RECIPE [options]: records the accuracy on a recipe's only task.
scored() {
  local row=$1 column=$2 value
  shift 2
  value=$(measures "$@" | cut -f 2)
  record "$row" "$column" "$value"
}

# What always giving a file's commonest label scores, in percent.
commonest() {
  sed 's/.*"label": "\([^"]*\)".*/\1/' "$1" | grep -v '^-$' | sort | uniq -c |
    awk '{ all += $1; if ($1 > most) most = $1 } END { print 100 * most / all }'
}

# table HEAD: a Markdown table of what was recorded, mean ± standard deviation over the seeds.
table() {
  awk -F '\t' -v head="$1" '
    !($1 in rows) { rows[$1]; row[++rowCount] = $1 }
    !($2 in columns) { columns[$2]; column[++columnCount] = $2 }
    { at = $1 SUBSEP $2; count[at]++; sum[at] += $3; value[at, count[at]] = $3 }
    END {
      line = "| " head " |"; rule = "|---|"
      for (c = 1; c <= columnCount; c++) { line = line " " column[c] " |"; rule = rule "---:|" }
      print line; print rule
      for (r = 1; r <= rowCount; r++) {
        line = "| " row[r] " |"
        for (c = 1; c <= columnCount; c++) {
          at = row[r] SUBSEP column[c]; n = count[at]; squares = 0
          mean = n ? sum[at] / n : 0; digits = column[c] ~ /λ/ ? 2 : 1
          for (k = 1; k <= n; k++) squares += (value[at, k] - mean) ^ 2
          cell = n ? sprintf("%.*f", digits, mean) : "–"
          if (n > 1) cell = cell sprintf(" ± %.*f", digits, sqrt(squares / (n - 1)))
          line = line " " cell " |"
        }
        print line
      }
    }' "$folder/results.tsv"
}

# The first 60 words of each review, as lines {"text": "…", "label": "negative"}, the two strong degrees as the weak
# ones; polar files without neutral ones.
prepare_reviews() {
  local kind part
  mkdir -p "$all/data"
  for kind in amazon yelp; do
    for part in train test; do
      sed -E 's/^(\{"text": "([^ ]* ){60}).*(", "label": "[^"]*"\})$/\1\3/
        s/^\{"text": "(Title: |Text: )/{"text": "/; s/\\nText: / /; s/"label": "very /"label": "/' \
        "$data/reviews/$kind/$part.jsonl" >"$all/data/$kind-$part.jsonl"
      grep -v '"label": "neutral"' "$all/data/$kind-$part.jsonl" >"$all/data/$kind-polar-$part.jsonl"
    done
  done
}
