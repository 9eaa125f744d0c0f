#!/bin/sh
# Installs the system packages that building (and, with `test`, testing) needs.
# Idempotent; on Debian and its relatives it uses apt-get, elsewhere or without
# root it says exactly what to install.
#   scripts/setup.sh build    a C toolchain, m4, OpenBLAS, the software Vulkan driver
#   scripts/setup.sh test     these, and Coq with Flocq, Interval and Coquelicot
set -eu

what=${1:-build}
packages="gcc libc6-dev make m4 pkg-config libopenblas-dev libvulkan1 mesa-vulkan-drivers"
case "$what" in
  build) ;;
  test) packages="$packages coq libcoq-flocq libcoq-interval libcoq-coquelicot" ;;
  *) echo "usage: $0 build|test" >&2; exit 2 ;;
esac

if ! command -v cargo >/dev/null 2>&1; then
  echo "setup: no Rust toolchain found (cargo). Install Rust 1.95 or newer first." >&2
  exit 1
fi

instructions() {
  cat >&2 <<EOF
setup: $1
  Install these and run the command again:
    Debian, Ubuntu:  apt-get install --no-install-recommends $2
    elsewhere:       a C compiler and make, GNU m4, pkg-config, OpenBLAS with headers,
                     the Vulkan loader with a driver (Mesa's lavapipe will do)
EOF
  if [ "$what" = test ]; then
    echo "                     and Coq 8.16 with the Flocq, Interval and Coquelicot libraries" >&2
  fi
  exit 1
}

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  # Not a Debian system: accept it if what matters is there.
  missing=
  for tool in cc make m4 pkg-config; do
    command -v $tool >/dev/null 2>&1 || missing="$missing $tool"
  done
  pkg-config --exists openblas 2>/dev/null || missing="$missing openblas"
  if [ "$what" = test ]; then
    command -v coqc >/dev/null 2>&1 || missing="$missing coq"
  fi
  [ -z "$missing" ] || instructions "missing:$missing" "$packages"
  exit 0
fi

missing=
for package in $packages; do
  case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
    "install ok installed") ;;
    *) missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
  run=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  run="sudo -n"
else
  instructions "missing packages, and no right to install them:$missing" "$missing"
fi

echo "setup: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # word splitting is meant
{
  $run apt-get update -q >&2 &&
  $run apt-get install -y -q --no-install-recommends $missing >&2
} || instructions "apt-get could not install:$missing" "$missing"
