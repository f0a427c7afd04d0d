# Hostfiles, read as Open MPI reads them.

check_hostfiles() {
  local file=$work/hostfile
  accepted() { # WHAT RANKS: the hostfile starts so many ranks
    fresh "hostfile-${1//[^a-z]/-}"
    cp "$file" "$run.hostfile"
    job 60 cluster "$file" --set max_steps=2 --set eval_steps=null --set tasks.0.max_test_examples=1
    claim "hostfile, $1: $2 rank(s)" says "^$2 rank\(s\) of"
  }
  printf "node1 slots=1\nnode2 slots=1\nnode3 slots=1" >"$file"
  accepted "no line break at the end" 3
  printf "node1 slots=1\r\nnode2 slots=1\r\n" >"$file"
  accepted "lines as on Windows" 2
  printf "node1\nnode2 slots=1\nnode1\n" >"$file"
  accepted "a host listed twice, without slots" 3
  printf "# all of them\n\n10.91.0.1 slots=1 # the first\nnode2 slots = 1 max_slots=2\n" >"$file"
  accepted "addresses, comments, empty lines, spaces, a maximum" 2
  printf "node1 slots=1\nnode2 slots=2\n" >"$file"
  accepted "different numbers" 3

  fresh hostfile-wrong
  printf "node1 slots=1\nnode2 slots=many\n" >"$file"
  job 30 cluster "$file"
  claim "hostfile, a word for a number: refused" ends_with 2
  claim "hostfile, a word for a number: the line is named" says "many"
}
