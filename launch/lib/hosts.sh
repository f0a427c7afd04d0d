# The hosts of a hostfile (hosts, users, ports of hostfile.sh), and how they are reached.

# Whether a name or address is that of this host. Each name is looked up once.
declare -A _is_this_host=()
is_this_host() {
  if [[ -z ${_is_this_host[$1]:-} ]]; then
    _is_this_host[$1]=no
    if _names_this_host "$1"; then _is_this_host[$1]=yes; fi
  fi
  [[ ${_is_this_host[$1]} == yes ]]
}

_names_this_host() {
  local address rest own
  case $1 in localhost | 127.* | "$HOSTNAME" | "${HOSTNAME%%.*}") return 0 ;; esac
  own=" $(hostname -I 2>/dev/null || true)"
  while read -r address rest; do
    if [[ $address == 127.* || $address == ::1 || $own == *" $address "* ]]; then return 0; fi
  done < <(timeout 5 getent ahosts "$1" 2>/dev/null || true)
  return 1
}

# reach INDEX: sets reach to the command that runs a line of shell on a host; it asks for nothing, and ends with 255 if
# the host is not reached.
reach() {
  if is_this_host "${hosts[$1]}"; then
    reach=(bash -c)
    return
  fi
  reach=(ssh -o BatchMode=yes -o ConnectTimeout=10 -o LogLevel=ERROR)
  if [[ -n ${users[$1]} ]]; then reach+=(-l "${users[$1]}"); fi
  if [[ -n ${ports[$1]} ]]; then reach+=(-p "${ports[$1]}"); fi
  reach+=(-- "${hosts[$1]}")
}

# silent_hosts SECONDS: prints the hosts that do not answer in that time, a line each. Asks all at once.
silent_hosts() {
  local index questions=()
  for index in "${!hosts[@]}"; do
    reach "$index"
    timeout "$1" "${reach[@]}" true </dev/null >/dev/null 2>&1 &
    questions[index]=$!
  done
  for index in "${!hosts[@]}"; do
    wait "${questions[index]}" || echo "${hosts[index]}"
  done
}
