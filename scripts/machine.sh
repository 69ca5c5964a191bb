# Sourced by scripts/quickstart, scripts/test and .ci/run: how they speak, take turns and bring what is missing.
clone=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# One run at a time in this clone: the second waits. The lock goes with the process that holds it.
take_turn() {
  mkdir -p "$clone/build"
  exec 9>"$clone/build/.turn"
  flock --nonblock 9 && return
  say "Another run of these scripts is at work in this clone; waiting until it is done"
  flock 9
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root, and there is no sudo here. As root, run:  $*"
  fi
}

is_installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

is_known() { [ -n "$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *(none)$//; s/^ *Candidate: *//p')" ]; }

# apt's own lock is waited for; the lock of its lists is not, hence the tries.
apt_get() {
  local try log=$clone/build/apt.log
  mkdir -p "$clone/build"
  for try in 1 2 3 4 5; do
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" >"$log" 2>&1 && return
    [ "$try" = 5 ] || { tail -n 3 "$log"; say "apt-get failed (is another one running?); trying again in 10 seconds"; sleep 10; }
  done
  tail -n 20 "$log"
  fail "apt-get $* failed; all it said is in $log"
}

# needed_lines GROUP...: the lines of scripts/packages in these groups of which no alternative is installed.
needed_lines() {
  local group names name
  while read -r group names; do
    case " $* " in *" $group "*) ;; *) continue ;; esac
    for name in ${names//|/ }; do
      is_installed "$name" && continue 2
    done
    echo "$names"
  done < <(grep -v '^#' "$clone/scripts/packages")
}

# install_packages WHY GROUP...: asks for root only when something is missing.
install_packages() {
  local why=$1 missing names name chosen=()
  shift
  command -v apt-get >/dev/null ||
    fail "this script knows Debian and Ubuntu (apt-get); elsewhere install what docs/dependencies.md lists and run cmake"
  missing=$(needed_lines "$@")
  [ -n "$missing" ] || return 0
  say "Installing with apt, $why: $(echo $missing)"
  apt_get update
  for names in $missing; do
    for name in ${names//|/ }; do
      if is_known "$name"; then
        chosen+=("$name")
        continue 2
      fi
    done
    fail "this release has no package named ${names//|/ or }; docs/dependencies.md says what it is for"
  done
  apt_get install --no-install-recommends "${chosen[@]}"
}

jobs() { getconf _NPROCESSORS_ONLN; }
