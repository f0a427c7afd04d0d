# A run's folder: one that only node1 has, and one that a running job holds.

check_folders() {
  local whole host word

  fresh whole
  job 120 cluster "$three"
  whole=$run

  fresh not-shared
  mkdir "$run"
  for host in node2 node3; do hosts exec "$host" mount -t tmpfs none "$run"; done
  start_job cluster "$three"
  if await_logged "step 25/"; then kill -USR1 "$launcher"; fi
  await_end 30 || restart_hosts
  claim "a folder that is not shared: trains, saves and stops" ends_with 75
  claim "a folder that is not shared: it is said" says "not share|do not see|not shared"
  job 120 cluster "$three" --resume
  claim "a folder that is not shared: resumed" ends_with 0
  claim "a folder that is not shared: the same bytes" same_run "$whole" "$run"
  for host in node2 node3; do
    claim "a folder that is not shared: nothing is written on $host" \
      test -z "$(hosts exec "$host" find "$run" -name '*.safetensors')"
    hosts exec "$host" umount "$run"
  done

  for word in --resume --overwrite; do
    fresh "held$word"
    start_job cluster "$three"
    await_logged "step 12/" || true
    second "$word"
    claim "a second job with $word from another host is refused" test "$second" -ge 2 -a "$second" -le 5
    claim "a second job with $word is told who holds the folder" grep -q "node1" "$work/second.log"
    await_end 120 || restart_hosts
    claim "the first job ends as if alone" same_run "$whole" "$run"
  done

  fresh stale
  start_job cluster "$three"
  await_logged "step 25/" || true
  hosts off node1
  await_end 10 || true
  second --resume
  claim "a folder that a dead host's job held is taken over from another host" test "$second" = 0
  claim "… to the same bytes" same_run "$whole" "$run"
  hosts on node1
}

# A job on node2 in the folder of the one that runs.
second() {
  second=0
  hosts exec node2 timeout 90 launch/local -n 1 "$recipe" --set "output_dir=$run" "$1" \
    >"$work/second.log" 2>&1 </dev/null || second=$?
  sed 's/^/second: /' "$work/second.log" >>"$log"
}
