# An Open MPI hostfile, read as Open MPI 4.1 reads it. Expects the functions fail and is_this_host (hosts.sh).

# read_hostfile FILE: sets hosts (names), users, ports and slots, a place a host. A place of slots is empty where the
# file does not say: Open MPI then takes as many as the host has cores. Ends the script at the first line that cannot be
# read.
#
# What Open MPI itself stumbles over, a carriage return at the end of lines or a byte order mark, is left out.
read_hostfile() {
  hosts=() users=() ports=() slots=() _mentions=()
  local line number=0 is_comment=''
  while IFS= read -r line || [[ -n $line ]]; do # the last line may do without a line break
    number=$((number + 1))
    if ((number == 1)); then line=${line#$'\xef\xbb\xbf'}; fi
    line=${line%$'\r'}
    _leave_out_comments
    [[ $line =~ [^[:space:]] ]] || continue
    _read_host "$1, line $number" "$line"
  done <"$1"
  ((${#hosts[@]} > 0)) || fail "$1 names no host."
  _leave_out_hosts_without_slots
  ((${#hosts[@]} > 0)) || fail "$1: every host has slots=0."
}

# Takes comments out of read_hostfile's line; one in /* */ may go on over lines.
_leave_out_comments() {
  local rest=$line before
  line=
  while true; do
    if [[ -n $is_comment ]]; then
      [[ $rest == *"*/"* ]] || return 0
      rest=${rest#*"*/"} is_comment=
    fi
    before=${rest%%"/*"*}
    if [[ $before == "$rest" || $before == *"#"* || $before == *//* ]]; then
      before=${before%%#*}
      line+=${before%%//*}
      return
    fi
    line+="$before " rest=${rest#*"/*"} is_comment=yes
  done
}

_read_host() { # PLACE LINE
  local place=$1 words word value user='' port='' given='' most=''
  read -ra words <<<"${2//=/ = }"
  local name=${words[0]} form="a line is HOST, or USER@HOST, and slots=RANKS"
  if [[ $name == ?*@?* ]]; then
    user=${name%%@*}
    name=${name#*@}
  fi
  [[ $name =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ && $user =~ ^[A-Za-z0-9_.-]*$ ]] ||
    fail "$place: \"${words[0]}\" is no host that Open MPI takes (letters, digits, dots and hyphens); $form."
  for ((word = 1; word < ${#words[@]}; word += 3)); do
    value=${words[word + 2]:-}
    [[ ${words[word + 1]:-} == "=" && -n $value ]] || fail "$place: \"${words[*]:word}\" cannot be read; $form."
    case ${words[word]} in
      username | user-name | user_name) user=$value ;;
      slots | cpu | count | port | slots[-_]max | max[-_]slots | cpu[-_]max | max[-_]cpu | count[-_]max | max[-_]count)
        [[ $value =~ ^[0-9]{1,6}$ ]] || fail "$place: ${words[word]}=$value must be a whole number."
        value=$((10#$value))
        case ${words[word]} in
          port) port=$value ;;
          *max*)
            ((value >= ${given:-1})) || fail "$place: $name has more slots than its maximum of $value."
            most=$value
            ;;
          *)
            [[ -z $given ]] || fail "$place: the slots of $name are given twice."
            given=$value
            ;;
        esac
        ;;
      *) fail "$place: \"${words[word]}\" is nothing that Open MPI 4.1 knows in a hostfile; $form." ;;
    esac
  done
  # Where a line has a maximum alone, Open MPI starts that many.
  _add_host "$place" "$name" "$user" "$port" "${given:-$most}"
}

_add_host() { # PLACE NAME USER PORT SLOTS
  local index=0 known=
  for ((index = 0; index < ${#hosts[@]}; index++)); do
    if [[ ${hosts[index]} == "$2" ]] || { is_this_host "$2" && is_this_host "${hosts[index]}"; }; then
      known=$index
    fi
  done
  if [[ -z $known ]]; then
    hosts+=("$2") users+=("$3") ports+=("$4") slots+=("$5")
    _mentions[${#hosts[@]} - 1]=1
    return
  fi
  # Each further line without slots is a slot more.
  local alias=${hosts[known]}
  if [[ $alias == "$2" ]]; then alias=; fi
  [[ -z $5 ]] || fail "$1: $2 ${alias:+is $alias and }has a line already: give it one line with slots=RANKS, or a \
line a rank without slots."
  _mentions[known]=$((_mentions[known] + 1))
  slots[known]=$((${slots[known]:-_mentions[known] - 1} + 1))
}

_leave_out_hosts_without_slots() {
  local index none=()
  for index in "${!hosts[@]}"; do
    if [[ ${slots[index]} == 0 ]]; then none+=("$index"); fi
  done
  leave_out hosts users ports slots -- "${none[@]}"
}

# leave_out ARRAY… -- INDEX…: removes places from arrays; the others move up.
leave_out() {
  local index
  while [[ $1 != -- ]]; do
    local -n array=$1
    for index in "${@:2}"; do
      if [[ $index =~ ^[0-9]+$ ]]; then unset "array[$index]"; fi
    done
    array=("${array[@]}")
    shift
  done
}

# hostfile_lines: the hosts as Open MPI reads them in every version.
hostfile_lines() {
  local index port
  for index in "${!hosts[@]}"; do
    port=${ports[index]:+ port=${ports[index]}}
    echo "${users[index]:+${users[index]}@}${hosts[index]} slots=${slots[index]}$port"
  done
}

# this_host_first: moves the host of mpirun to the front, whose ranks Open MPI counts first wherever it is listed.
this_host_first() {
  local index order=()
  for index in "${!hosts[@]}"; do
    if is_this_host "${hosts[index]}"; then order=("$index" "${order[@]}"); else order+=("$index"); fi
  done
  local names=("${hosts[@]}") logins=("${users[@]}") doors=("${ports[@]}") numbers=("${slots[@]}")
  hosts=() users=() ports=() slots=()
  for index in "${order[@]}"; do
    hosts+=("${names[index]}") users+=("${logins[index]}") ports+=("${doors[index]}") slots+=("${numbers[index]}")
  done
}

# keep_hosts: remembers the hosts as they are, for all_hosts.
keep_hosts() {
  _hosts=("${hosts[@]}") _users=("${users[@]}") _ports=("${ports[@]}") _slots=("${slots[@]}")
}

all_hosts() {
  hosts=("${_hosts[@]}") users=("${_users[@]}") ports=("${_ports[@]}") slots=("${_slots[@]}")
}
