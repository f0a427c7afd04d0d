# The program and its arguments. Expects root and say.

# A package (launch/package) has it in bin. POLYAD_PROGRAM is another build of it, which is taken as it is.
program=$root/.build/release/polyad
if [[ -e $root/bin/polyad ]]; then program=$root/bin/polyad; fi
program=${POLYAD_PROGRAM:-$program}
make_ready() {
  if [[ -z ${POLYAD_PROGRAM:-} ]]; then
    "$root/launch/setup"
  elif [[ ! -x $program ]]; then
    fail "POLYAD_PROGRAM is $program, which is no program here: leave it out, or name a build of polyad"
  fi
  if ((EUID == 0)); then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    say "running as root: Open MPI is told to allow it (OMPI_ALLOW_RUN_AS_ROOT)"
  fi
}

# take_arguments ARGUMENT…: sets arguments to the program's, a verb first; a recipe alone is trained. is_training is set
# if they train.
take_arguments() {
  local argument
  if [[ $1 == -* ]]; then fail "$1 is no option of this launcher; see $0 --help"; fi
  for argument in "${@:2}"; do
    [[ $argument != --restarts ]] || fail "--restarts goes before ${not_before:-the recipe or verb}"
  done
  # A verb stays one where a file is called so.
  if [[ $1 == *.yaml || $1 == *.yml || -f $1 && ! $1 =~ ^[a-z]+$ ]]; then set -- train "$@"; fi
  arguments=("$@") is_training=
  if [[ $1 == train ]]; then is_training=yes; fi
  for argument in "$@"; do
    case $argument in --dry-run | --paths | --help | -h) is_training= ;; esac
  done
}
