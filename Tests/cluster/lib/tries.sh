# One try of Tests/cluster/run: a job, a fault, the end, the resumption; and which tries there are.

# What an undisturbed run comes to, on one host and on several, and how long it takes to its first step.
make_references() {
  local way size wanted appeared i
  : >"$work/hostfile1" && : >"$work/hostfile2"
  if ((count > 1)); then
    for ((i = 1; i <= count; i++)); do echo "node$i slots=1" >>"$work/hostfile1"; done
    for ((i = 1; i <= count; i++)); do echo "node$i slots=2" >>"$work/hostfile2"; done
    printf "node%d slots=1\n" 1 2 >"$work/two-hosts"
  fi
  for way in local cluster; do
    if [[ $way == cluster ]] && ((count == 1)); then continue; fi
    run=$work/reference-$way seen=$run log=$work/reference-$way.log
    size=2 wanted=2
    if [[ $way == cluster ]]; then size=$work/hostfile1 wanted=$count; fi
    start_job "$way" "$size"
    find_ranks "$wanted" || give_up "the undisturbed run did not start"
    clock
    appeared=$now
    await_step 1 || give_up "the undisturbed run did not start"
    clock
    launch_time[$way]=$(((now - began) / 1000))
    rank_time[$way]=$(((now - appeared) / 1000))
    await_step 20 && clock && appeared=$now
    until [[ -e $run/evaluation/20.json ]]; do is_running && rest 0.01 || break; done
    clock
    evaluation_time=$(((now - appeared) / 1000))
    await_end 300 && [[ $code == 0 ]] || give_up "the undisturbed run ended with code $code"
    say "undisturbed, $way: $(((ended - began) / 1000)) ms, the first step after ${launch_time[$way]} ms"
    # Where others use this machine too, everything takes its time: the limits are those of one that does this in 5 s.
    slowness=$(((ended - began) / 5000000 > slowness ? (ended - began) / 5000000 : slowness))
    if [[ $way == local ]]; then
      reference=$(bytes "$run")
    else
      [[ $(bytes "$run") == "$reference" ]] || give_up "one host and several write different bytes"
    fi
  done
}
declare -A launch_time rank_time
slowness=1

give_up() {
  say "$*:"
  tail -n 30 "$log" >&2
  echo "$log" >>"$work/failed"
  exit 1
}

# The array `plan`: fault, moment and place (local, mpirun, cluster) of every try.
plan_tries() {
  local all=() lost fault moment i k
  plan=()
  if [[ -n $short ]]; then
    plan=("rank step local" "stopped reduction local" "disk saving local" "term start local" "hup evaluation local"
      "truncated saving local" "mpirun step mpirun")
    if ((count > 1)); then
      lost=(power cable mute) # each takes Open MPI its time
      plan+=("first saving cluster" "orted evaluation cluster" "usr1 start cluster" "${lost[RANDOM % 3]} reduction cluster")
    fi
  else
    for fault in "${order[@]}"; do
      for moment in $(moments_of "$fault"); do
        if [[ " ${everywhere[*]} " == *" $fault "* && $on != 3 ]]; then
          case $fault-$moment in
            # Plain mpirun ends its ranks on these, and on USR1 before it has started them.
            disk-* | term-* | hup-* | int-* | usr1-start) all+=("$fault $moment local") ;;
            *) all+=("$fault $moment one") ;;
          esac
        fi
        if [[ $on != 1 ]]; then all+=("$fault $moment cluster"); fi
      done
    done
    tries=${tries:-160}
  fi
  for planned in "${all[@]}"; do
    read -r fault moment _ <<<"$planned"
    if [[ -n $only && " $only " != *" $fault "* ]] || [[ -n $at && " $at " != *" $moment "* ]]; then continue; fi
    plan+=("$planned")
  done
  ((${#plan[@]} > 0)) || usage "no fault is left to try"
  if [[ -n $short ]]; then return; fi
  # Rounds of all of them, each in an order of its own.
  all=("${plan[@]}")
  plan=()
  while ((${#plan[@]} < tries)); do
    for ((i = ${#all[@]} - 1; i > 0; i--)); do
      k=$((RANDOM % (i + 1)))
      planned=${all[i]}
      all[i]=${all[k]}
      all[k]=$planned
    done
    plan+=("${all[@]}")
  done
  plan=("${plan[@]:0:tries}")
}

# A try; up to five if the job was done before the fault came.
try() {
  local turn
  for turn in {1..5}; do
    if attempt "$@"; then return; fi
    rm -rf "$folder"
  done
  say "$number/${#plan[@]} ${title[$1]}, $2: the job was always done before; not counted"
}

# What must be known before the moment; fails if the job ends before.
prepare() {
  start_time=${launch_time[${way/mpirun/local}]}
  if needs_ranks "$1" "$2"; then
    find_ranks "$3" || return 1
    start_time=${rank_time[${way/mpirun/local}]}
    mpirun=$(named node1 mpirun)
  fi
}

# One attempt; fails if it is not to be counted.
attempt() {
  local fault=$1 place=$3 size ranks_wanted=2 faults=() seconds=- end limit
  moment=$2
  way=$place
  if [[ $place == one ]]; then
    way=local
    if ((RANDOM % 3 == 0)); then way=mpirun; fi
  fi
  folder=$work/$number-$fault-$moment-$way
  run=$folder/run seen=$run log=$folder/log
  mkdir -p "$run"
  size=2
  if [[ $way == cluster ]]; then
    size=$work/hostfile1 ranks_wanted=$count
    if ((RANDOM % 4 == 0)); then size=$work/hostfile2 ranks_wanted=$((2 * count)); fi
  fi
  if [[ $fault == disk ]]; then
    hosts exec node1 mount -t tmpfs -o "size=$((2 + RANDOM % 12))m" none "$run"
    seen=/proc/$(hosts pid node1)/root$run
  fi

  start_job "$way" "$size" $(settings_for "$moment")
  ranks=(0)
  clock
  struck=$now detail='' step=0 # a disk was too small from the beginning
  if [[ $fault != disk ]]; then
    if prepare "$fault" "$moment" "$ranks_wanted" && await_moment "$moment" "$(first_step_of "$fault")"; then
      strike "$fault" 2>>"$log" # a process may just have ended
    else
      await_end $((60 * slowness)) || true
      if [[ $code == 0 ]]; then return 1; fi
      faults+=("it ended before the fault came")
    fi
  fi

  limit=$(($(limit_of "$fault") * slowness))
  if await_end "$limit"; then
    # It was as good as done.
    if [[ $code == 0 && $fault != flap && $(bytes "$seen") == "$reference" ]]; then
      heal "$fault"
      return 1
    fi
    seconds=$(seconds_since_strike "$ended")
    end="code $code after $seconds s"
    if ! is_allowed "$code" "$(codes_of "$fault")"; then faults+=("it ended with code $code"); fi
    await_nothing "$limit" "$fault" || faults+=("left over: $(leftovers | tr '\n' ';')")
    case $fault-$way in
      disk-* | home-local | home-mpirun) seconds=- ;;
      home-* | mpirun-mpirun) # what counts is when the ranks have noticed
        clock
        seconds=$(seconds_since_strike "$now")
        end+=", all over after $seconds s"
        ;;
    esac
  else
    end="no end"
    faults+=("it had not ended after $limit s, and left over: $(leftovers | tr '\n' ';')")
  fi
  if [[ $fault == disk ]]; then read_step; fi
  echo "+ $end" >>"$log"
  heal "$fault"
  if ((${#faults[@]} > 0)) || [[ -n $(leftovers) ]]; then restart_hosts; fi # nothing of it may meet what comes
  resume "$fault"
  record
}

seconds_since_strike() {
  local hundredths=$((($1 - struck) / 10000))
  echo "$((hundredths / 100)).$(printf %02d $((hundredths % 100)))"
}

is_allowed() { [[ $2 == any || " $2 " == *" $1 "* ]]; }

# Waits $1 seconds at most until no host runs anything of the job. Where the network to mpirun is gone ($2) Open MPI's
# daemon may stay, without a rank: it has told mpirun of their end, and TCP repeats that for a quarter of an hour.
await_nothing() {
  local limit daemon=none
  case $2 in
    cable | mute) daemon="$detail: .* orted" ;;
    home) daemon="node.: .* orted" ;;
  esac
  clock
  limit=$((now + $1 * 1000000))
  until [[ -z $(leftovers | grep -v "^$daemon$") ]]; do
    clock
    ((now < limit)) || return 1
    rest 0.05
  done
}

# Resumes the run on another number of ranks or hosts, and compares.
resume() {
  local way=local size=$((1 + RANDOM % 3)) code ended began job launcher
  if ((count > 1)) && [[ $place == cluster ]]; then
    case $((RANDOM % 3)) in
      0) way=cluster size=$work/hostfile1 ;;
      1) way=cluster size=$work/two-hosts ;;
    esac
  fi
  resumed="on $size rank(s)"
  if [[ $way == cluster ]]; then resumed="on $(wc -l <"$size") hosts"; fi
  start_job "$way" "$size" --resume
  if ! await_end $((60 * slowness)); then
    faults+=("the resumed run had not ended after $((60 * slowness)) s")
    restart_hosts
  elif ((code != 0)); then
    faults+=("the resumed run ended with code $code")
  elif [[ $(bytes "$seen") != "$reference" ]]; then
    faults+=("the resumed run wrote other bytes")
  fi
  if [[ $fault == disk ]]; then hosts exec node1 umount --lazy "$run" || true; fi
}

record() {
  local survived=yes text
  if ((${#faults[@]} > 0)); then survived=no; fi
  printf "%s\t%s\t%s\t%s\t%s\n" "$fault" "$([[ $place == cluster ]] && echo "$count" || echo 1)" "$moment" "$survived" \
    "$seconds" >>"$results"
  text="$number/${#plan[@]} ${title[$fault]}${detail:+ ($detail)}, $way, $moment (step $step): $end"
  if [[ $survived == yes ]]; then
    say "$text; resumed $resumed: the same bytes"
    rm -rf "$folder"
  else
    say "$text; FAILED: $(printf "%s; " "${faults[@]}")see $folder"
    echo "$text: $(printf "%s; " "${faults[@]}")$folder" >>"$work/failed"
  fi
}
