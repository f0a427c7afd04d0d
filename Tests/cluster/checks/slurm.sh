# Slurm on node1 and node2, with launch/slurm.sbatch as it is: a job is preempted, goes back into the queue and resumes; one
# loses a rank; one trains nothing.

check_slurm() {
  local tool whole job
  for tool in slurmctld slurmd srun munged; do
    if ! command -v "$tool" >/dev/null; then
      say "skipped, there is no $tool here (Debian: slurm-wlm, munge)"
      return
    fi
  done
  start_slurm || {
    claim "Slurm starts" false
    return
  }

  fresh whole-for-slurm
  job 120 local 2
  whole=$run

  fresh preempted
  submit
  if await_slurm "step 25/"; then hosts exec node1 scancel --signal=USR1 "$job"; fi
  claim "preempted: the job goes back into the queue and comes to its end" completed 180
  claim "preempted: it was saved and resumed" grep -q "resumed from" "$run/train.log"
  claim "preempted: the same bytes" same_run "$whole" "$run"

  fresh lost-rank
  POLYAD_RESTARTS=2 submit
  if await_slurm "step 25/"; then
    for process in $(named node2 polyad); do kill -KILL "$process"; done
    clock
    began=$now
    while [[ -n $(named node1 polyad) ]] && ((now - began < 20000000)); do rest 0.05 && clock; done
    claim "a killed rank: the other ends within seconds" test $((now - began)) -lt 12000000
  fi
  claim "a killed rank: the job goes back into the queue and comes to its end" completed 180
  claim "a killed rank: the same bytes" same_run "$whole" "$run"

  fresh no-restart-left
  POLYAD_RESTARTS=0 submit
  if await_slurm "step 25/"; then for process in $(named node2 polyad); do kill -KILL "$process"; done; fi
  claim "a killed rank, and no restart is left: the job has failed" failed 60

  # An srun that starts nothing and says that all is well.
  fresh nothing-started
  mkdir -p "$work/false-srun"
  ln -sf /bin/true "$work/false-srun/srun"
  PATH=$work/false-srun:$PATH POLYAD_RESTARTS=0 submit
  claim "no task was started: the job has failed" failed 60
  stop_slurm
}

# The controller and two hosts, each with its own munge of the same key.
start_slurm() {
  local host
  export SLURM_CONF=$work/slurm.conf
  cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=node1
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=/run/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=/run/slurm/state
SlurmdSpoolDir=/run/slurm/spool
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=/run/slurm/slurmctld.log
SlurmdLogFile=/run/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=30
SchedulerParameters=sched_interval=2,batch_sched_delay=1
NodeName=node[1-2] CPUs=2 CoresPerSocket=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
END
  head -c 1024 /dev/urandom >"$work/munge.key"
  for host in node1 node2; do
    hosts exec "$host" bash -c "mkdir -p /run/munge /run/slurm/state /run/slurm/spool
      cp '$work/munge.key' /run/munge/key && chown -R munge /run/munge && chmod 755 /run/munge && chmod 400 /run/munge/key
      runuser -u munge -- munged --force --key-file=/run/munge/key --socket=/run/munge/socket \
        --pid-file=/run/munge/pid --log-file=/run/munge/log --seed-file=/run/munge/seed" || return 1
  done
  hosts exec node1 slurmctld -c || return 1
  for host in node1 node2; do hosts exec "$host" slurmd -N "$host" || return 1; done
  for _ in {1..100}; do
    if [[ $(hosts exec node1 sinfo --noheader --states=idle --format=%D 2>/dev/null) == 2 ]]; then return; fi
    rest 0.2
  done
  return 1
}

stop_slurm() {
  unset SLURM_CONF
  restart_hosts
}

# Sets job. With two ranks on two hosts; everything else is as the script has it.
submit() {
  local text
  text=$(hosts exec node1 sbatch --parsable --nodes=2 --ntasks-per-node=1 --time=10 --output="$log" \
    launch/slurm.sbatch "$recipe" --set "output_dir=$run")
  job=${text%%;*}
}

await_slurm() {
  local turn
  for turn in {1..1500}; do
    if grep -qs -- "$1" "$run/train.log"; then return; fi
    rest 0.02
  done
  return 1
}

# The state of the job, once it has ended.
ended_as() {
  local turn state
  for ((turn = 0; turn < $1 * 2; turn++)); do
    state=$(hosts exec node1 scontrol --oneliner show job "$job" | sed 's/.*JobState=\([A-Z_]*\).*/\1/')
    case $state in
      PENDING | RUNNING | COMPLETING | REQUEUED | CONFIGURING) rest 0.5 ;;
      *) break ;;
    esac
  done
  echo "$state"
}
completed() { [[ $(ended_as "$1") == COMPLETED ]]; }
failed() { [[ $(ended_as "$1") == FAILED ]]; }
