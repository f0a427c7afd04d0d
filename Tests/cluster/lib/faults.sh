# The faults of Tests/cluster/run: what is done, how long a job may take to end after it, and with which codes.

# Faults, and what a table calls them.
declare -A title=(
  [rank]="kill -9 of a rank" [first]="kill -9 of rank 0" [stopped]="SIGSTOP of a rank" [mpirun]="kill -9 of mpirun"
  [orted]="kill -9 of another host's orted" [power]="power cut of another host"
  [home]="power cut of the host it was started on" [cable]="cable pulled" [flap]="cable pulled, back within 3 s"
  [mute]="silent firewall" [disk]="disk full" [term]="TERM to the launcher" [usr1]="USR1 to the launcher"
  [hup]="HUP to the launcher" [int]="INT to the launcher" [rankterm]="TERM to a rank" [rankusr1]="USR1 to a rank"
  [truncated]="killed, newest checkpoint cut short" [flipped]="killed, a byte of it changed"
  [manifest]="killed, its manifest gone" [optimizer]="killed, its optimizer's file gone"
)
order=(rank first stopped mpirun orted power home cable flap mute disk term usr1 hup int rankterm rankusr1 truncated
  flipped manifest optimizer)
everywhere=(rank first stopped mpirun home disk term usr1 hup int rankterm rankusr1 truncated flipped manifest optimizer)
several=(orted power cable flap mute)
moments=(start step reduction saving evaluation)

# The moments at which a fault makes sense.
moments_of() {
  case $1 in
    disk) echo saving ;;
    truncated | flipped | manifest | optimizer) echo step saving ;;
    *) echo "${moments[@]}" ;;
  esac
}

# The step from which on it makes sense: what is damaged must be there, and something to fall back to.
first_step_of() {
  case $1 in
    truncated | flipped | manifest | optimizer) echo 22 ;;
    *) echo 1 ;;
  esac
}

# Seconds until the job must have ended, and everything of it on every host that has power. Before a rank has read the
# recipe, hang_timeout is its default; ranks that have not found each other give up after a minute.
limit_of() {
  case $1-$moment in
    stopped-start) echo 45 ;;
    power-start | home-start | cable-start | mute-start) echo 75 ;;
    stopped-*) echo 15 ;;
    power-* | home-* | cable-* | mute-*) echo 40 ;;
    flap-*) echo 60 ;;
    disk-*) echo 30 ;;
    *) echo 10 ;;
  esac
}

# The codes with which it may end; "any" where the launcher itself is struck.
codes_of() {
  case $1 in
    home) echo any ;;
    mpirun) if [[ $way == mpirun ]]; then echo any; else echo 5; fi ;;
    flap) echo 0 5 ;;
    term | usr1 | hup | int | rankterm | rankusr1) echo 75 ;;
    rank | first | truncated | flipped | manifest | optimizer)
      # mpirun's own code for a process that was killed; launchers make it 5.
      if [[ $way == mpirun ]]; then echo 5 137; else echo 5; fi
      ;;
    *) echo 5 ;;
  esac
}

# Whether the processes of the ranks must be known before the moment.
needs_ranks() {
  [[ $2 == reduction || $2 == saving || $2 == evaluation ]] || case $1 in
    term | usr1 | hup | int | home | power | cable | flap | mute) return 1 ;;
  esac
}

# Strikes. Sets `struck` to the time, and `detail` to what was hit.
strike() {
  local fault=$1 number=$((RANDOM % ${#ranks[@]})) host=node$((2 + RANDOM % 2)) target
  detail=
  clock
  struck=$now
  case $fault in
    rank | stopped | rankterm | rankusr1)
      if [[ $fault == rank ]]; then number=$((1 + RANDOM % (${#ranks[@]} - 1))); fi
      detail="rank $number"
      case $fault in
        rank) kill -KILL "${ranks[number]}" ;;
        stopped) kill -STOP "${ranks[number]}" ;;
        rankterm) kill -TERM "${ranks[number]}" ;;
        rankusr1) kill -USR1 "${ranks[number]}" ;;
      esac
      ;;
    first | truncated | flipped | manifest | optimizer) kill -KILL "${ranks[0]}" ;;
    mpirun) kill -KILL "$mpirun" ;;
    orted)
      detail=$host
      for target in $(named "$host" orted); do kill -KILL "$target"; done
      ;;
    power)
      detail=$host
      hosts off "$host"
      ;;
    home) hosts off node1 ;;
    cable | flap)
      detail=$host
      hosts link "$host" down
      if [[ $fault == flap ]]; then
        rest_up_to 2900
        hosts link "$host" up
      fi
      ;;
    mute)
      detail=$host
      hosts mute "$host" on
      ;;
    term | usr1 | hup | int) kill -"${fault^^}" "$launcher" ;;
  esac
}

# Undoes what outlives the job: hosts get power, cables, no firewall, and room on the disk.
heal() {
  case $1 in
    power) hosts on "$detail" ;;
    home) hosts on node1 ;;
    cable) hosts link "$detail" up ;;
    mute) hosts mute "$detail" off ;;
    disk) hosts exec node1 mount -o remount,size=1g "$run" ;;
    truncated | flipped | manifest | optimizer) damage "$1" ;;
  esac
}

# Damages the newest checkpoint.
damage() {
  local newest file size
  newest=$(printf "%s\n" "$seen"/checkpoint-* | sort -V | tail -n 1)
  file=$newest/adapter_model.safetensors
  detail=${newest##*/}
  [[ -d $newest ]] || return 0
  size=$(stat -c %s "$file")
  case $1 in
    truncated) truncate -s $((size / 2)) "$file" ;;
    flipped)
      local place=$((size / 2)) old
      old=$(od -An -tu1 -j "$place" -N 1 "$file")
      printf "\\x$(printf %02x $((old ^ 16)))" | dd of="$file" bs=1 seek="$place" conv=notrunc status=none
      ;;
    manifest) rm "$newest/manifest.json" ;;
    optimizer) rm "$newest/optimizer.safetensors" ;;
  esac
}
