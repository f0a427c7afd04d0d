# Hosts that cannot take part: told in seconds, a line each, before anything starts.

check_preflight() {
  fresh muted
  hosts mute node3 on
  job 30 cluster "$three"
  hosts mute node3 off
  claim "a silent firewall: over after some ten seconds" test "$((ended - began))" -lt 16000000
  claim "a silent firewall: code 5" ends_with 5
  claim "a silent firewall: the host is named" says "^cluster: node3: "
  claim "a silent firewall: nothing is written" wrote_nothing

  fresh two-gone
  hosts off node2
  hosts link node3 down
  job 30 cluster "$three"
  hosts on node2
  hosts link node3 up
  claim "two hosts gone: a line each" says "^cluster: node2: "
  claim "two hosts gone: a line each" says "^cluster: node3: "
  claim "two hosts gone: over after some ten seconds" test "$((ended - began))" -lt 16000000

  fresh no-program
  hosts exec node2 mount -t tmpfs none "$root/.build/release"
  job 30 cluster "$three"
  hosts exec node2 umount "$root/.build/release"
  claim "no program on a host: the host is named" says "^cluster: node2: "
  claim "no program on a host: code 5" ends_with 5

  fresh no-data
  mkdir -p "$work/elsewhere"
  echo '{"source": "a", "target": "b"}' >"$work/elsewhere/train.jsonl"
  hosts exec node3 mount -t tmpfs none "$work/elsewhere"
  job 30 cluster "$three" --set "tasks.0.train=$work/elsewhere/train.jsonl"
  hosts exec node3 umount "$work/elsewhere"
  claim "no data on a host: host and file are named" says "^cluster: node3: .*elsewhere/train\.jsonl"
}
