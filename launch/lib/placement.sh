# Where ranks run on the cores of their hosts. Expects what hostfile.sh and preflight.sh set.

# choose_placement: sets threads (empty: each rank takes its part of its host's cores) and placement, mpirun's options.
# What makes ranks slower or unbound is said.
choose_placement() {
  local index
  threads=${POLYAD_THREADS:-}
  [[ $threads =~ ^([1-9][0-9]*)?$ ]] ||
    fail "POLYAD_THREADS is \"$threads\"; it must be a whole number of threads above 0"
  placement=(--map-by slot --bind-to none)
  for index in "${!hosts[@]}"; do slots[index]=${slots[index]:-${cores[index]}}; done
  # Where cores are left over, the program divides what it finds on each host.
  if [[ -z $threads ]] && ! _are_cores_left_over; then threads=1; fi
  if ! _have_cores_enough "${threads:-1}" || [[ -z $threads ]]; then return; fi
  if _differ "${slots[@]}"; then
    say "the hosts' slots differ ($(_by_host "${slots[@]}")): ranks run unbound"
  elif _differ "${cores[@]}"; then
    say "the hosts' cores differ ($(_by_host "${cores[@]}")): ranks run unbound"
  elif _differ "${allowed[@]}"; then
    say "the hosts' cores have different numbers ($(_by_host "${allowed[@]}")): ranks run unbound"
  else
    placement=(--map-by "ppr:${slots[0]}:node:pe=$threads" --bind-to core)
    if ((slots[0] * threads < cores[0])); then
      say "$((cores[0] - slots[0] * threads)) of each host's ${cores[0]} cores stay idle: POLYAD_THREADS, or more \
slots, use them"
    fi
  fi
}

_are_cores_left_over() {
  local index
  for index in "${!hosts[@]}"; do
    if ((slots[index] * 2 <= cores[index])); then return 0; fi
  done
  return 1
}

# Whether every host has a core for each thread of its ranks. Ranks of one thread may do without, and run unbound.
_have_cores_enough() { # THREADS
  local index place fits tight=()
  for index in "${!hosts[@]}"; do
    if ((slots[index] * $1 <= cores[index])); then continue; fi
    place="${hosts[index]} has ${cores[index]} core(s) for ${slots[index]} rank(s)"
    if (($1 > 1)); then
      fits=$((cores[index] > slots[index] ? cores[index] / slots[index] : 1))
      fail "$place of $1 threads: set POLYAD_THREADS to $fits, or lower the slots in $hostfile"
    fi
    tight+=("$place")
  done
  if ((${#tight[@]} == 0)); then return 0; fi
  say "$(_join ", " "${tight[@]}"): they take turns, unbound, which is slower than fewer ranks"
  return 1
}

_differ() { [[ $(printf '%s\n' "$@" | sort -u | wc -l) != 1 ]]; }

_by_host() { # VALUE…, a value a host
  local index words=()
  for index in "${!hosts[@]}"; do words+=("${hosts[index]} $1") && shift; done
  _join ", " "${words[@]}"
}
