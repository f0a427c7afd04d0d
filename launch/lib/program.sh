# The program and its arguments. Expects root and say.

# POLYAD_PROGRAM is another build of it, which is taken as it is.
program=${POLYAD_PROGRAM:-$root/.build/release/polyad}
make_ready() {
  if [[ -z ${POLYAD_PROGRAM:-} ]]; then "$root/launch/setup"; fi
  if ((EUID == 0)); then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    say "running as root: Open MPI is told to allow it (OMPI_ALLOW_RUN_AS_ROOT)"
  fi
}

# take_arguments ARGUMENT…: sets arguments to the program's, a verb first; a recipe alone is trained. is_training is set
# if they train.
take_arguments() {
  local argument
  # A verb stays one where a file is called so.
  if [[ $1 == *.yaml || $1 == *.yml || -f $1 && ! $1 =~ ^[a-z]+$ ]]; then set -- train "$@"; fi
  arguments=("$@") is_training=
  if [[ $1 == train ]]; then is_training=yes; fi
  for argument in "$@"; do
    case $argument in --dry-run | --paths | --help | -h) is_training= ;; esac
  done
}
