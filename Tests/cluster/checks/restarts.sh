# --restarts: a job that loses a rank or a host goes on by itself, and not for ever.

check_restarts() {
  local whole
  fresh whole-for-restarts
  job 120 local 2
  whole=$run

  fresh restarted-here
  options=(--restarts 1)
  start_job local 2
  if find_ranks 2 && await_logged "step 25/"; then kill -KILL "${ranks[1]}"; fi
  await_end 120 || restart_hosts
  claim "a rank is killed: the job starts again and ends well" ends_with 0
  claim "a rank is killed: the same bytes" same_run "$whole" "$run"
  claim "a rank is killed: train.log has the restart" grep -q "restart 1 of 1" "$run/train.log"

  fresh restarted-on-fewer
  options=(--restarts 2)
  start_job cluster "$three"
  if await_logged "step 25/"; then hosts off node2; fi
  await_end 180 || restart_hosts
  claim "a host loses power: the job goes on without it and ends well" ends_with 0
  claim "a host loses power: the same bytes" same_run "$whole" "$run"
  claim "a host loses power: train.log has the restart" grep -q "restart 1 of 2" "$run/train.log"
  hosts on node2 2>/dev/null || true

  fresh bounded
  mkdir "$run"
  hosts exec node1 mount -t tmpfs -o size=3m none "$run"
  start_job local 2
  await_end 120 || restart_hosts
  claim "a disk that stays full: given up after two restarts" ends_with 5
  claim "a disk that stays full: both are told" says "restart 2 of 2"
  hosts exec node1 umount --lazy "$run" || true
  options=()
}
