# The tables of Tests/cluster/run: faults downwards, moments across; in a cell how many jobs survived of how many tries,
# and the median of the seconds from the fault to the end.

print_tables() {
  local hosts
  for hosts in $(cut -f 2 "$results" | sort -u); do
    for fault in "${order[@]}"; do
      awk -F '\t' -v OFS='\t' -v fault="$fault" -v hosts="$hosts" -v title="${title[$fault]}" \
        '$1 == fault && $2 == hosts { $1 = title; print }' "$results"
    done | awk -F '\t' -v hosts="$hosts" -v list="${moments[*]}" '
      function median(name, n,   i, k, swap, values) {
        for (i = 1; i <= n; i++) values[i] = seconds[name, i] + 0
        for (i = 2; i <= n; i++)
          for (k = i; k > 1 && values[k] < values[k - 1]; k--) {
            swap = values[k]; values[k] = values[k - 1]; values[k - 1] = swap
          }
        return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
      }
      function cell(name) {
        if (!tries[name]) return "–"
        return good[name] + 0 "/" tries[name] (ends[name] ? sprintf(", %.1f s", median(name, ends[name])) : "")
      }
      function count(name) {
        tries[name]++
        if ($4 == "yes") good[name]++
        if ($5 != "-") {
          seconds[name, ++ends[name]] = $5
          if ($5 + 0 > worst[name]) worst[name] = $5 + 0
        }
      }
      !($1 in known) { known[$1]; fault[++faults] = $1 }
      { count($1 SUBSEP $3); count($1); count("all") }
      END {
        n = split(list, moment, " ")
        printf "| %s |", hosts == 1 ? "one host" : hosts " hosts"
        for (m = 1; m <= n; m++) printf " %s |", moment[m]
        printf " all | slowest |\n|---|"
        for (m = 1; m <= n + 2; m++) printf "---|"
        printf "\n"
        for (f = 1; f <= faults; f++) {
          printf "| %s |", fault[f]
          for (m = 1; m <= n; m++) printf " %s |", cell(fault[f] SUBSEP moment[m])
          printf " %s | %s |\n", cell(fault[f]), worst[fault[f]] ? sprintf("%.1f s", worst[fault[f]]) : "–"
        }
        printf "\n%d of %d survived.\n\n", good["all"], tries["all"]
      }'
  done
}
