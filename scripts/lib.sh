# Shared by the scripts: what a fresh Debian 12 machine lacks, and how it is got. Sourced, never run.

PACKAGES_BUILD="gcc libc6-dev git pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev"
PACKAGES_RUN="espeak-ng espeak-ng-data tzdata ca-certificates gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-libav tesseract-ocr tesseract-ocr-vie"
# The demo's cameras: a server that is not ours, and what draws their pictures.
PACKAGES_CAMERAS="python3 python3-gi python3-gst-1.0 gir1.2-gst-rtsp-server-1.0 ffmpeg"
# The emulated machine with a radio; what runs in it is unpacked only (scripts/radio).
PACKAGES_RADIO="qemu-system-x86 binutils e2fsprogs"
PACKAGES_TEST="faketime util-linux systemd mosquitto-clients chromium chromium-driver fonts-noto-core zbar-tools poppler-utils"
# A village's network in namespaces: the box's programs, and a program that hears routers.
PACKAGES_NETWORK="nftables iproute2 procps dnsmasq-base ndisc6 bind9-dnsutils curl"

# Some services run scripts without a home.
export HOME="${HOME:-/root}"

say() { printf '%s\n' "$*" >&2; }

# Somebody may try another day: `faketime '+400 days' scripts/demo`. The village then lives in that time; what installs and builds
# does not, because cargo judges by the times of files and servers' certificates are valid today. Nor is the steady clock moved:
# a program that waits for a moment on it would wait for as long as the clock was moved.
moved=""
case "${LD_PRELOAD:-}" in
  *libfaketime*) moved=1; export FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 ;;
esac
real() { if [ -n "$moved" ]; then env -u LD_PRELOAD "$@"; else command "$@"; fi; }

# Long work says how far it is: each step on a terminal, a line now and then in a log.
terminal=""
[ -t 2 ] && terminal=1
quiet=""
[ -n "$terminal" ] || quiet=--quiet
cargo() { real cargo "$@"; }
building() {
  if [ -n "$terminal" ]; then cargo "$@"; return; fi
  { cargo "$@" 2>&1 1>&3 | awk '/^ +(Compiling|Checking|Downloading|Downloaded|Updating|Locking|Adding|Installing|Installed|Replacing|Replaced|Blocking) / { if (++n % 50 == 0) print "   … " n " bước: " $1, $2; next } { print }' >&2; } 3>&1
}

missing_packages() {
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$p"
  done
}

# Installs what is missing, or says the one line to run.
need_packages() {
  local lacking
  lacking=$(missing_packages "$@")
  [ -z "$lacking" ] && return 0
  if [ "$(id -u)" != 0 ]; then
    say "Thiếu gói. Chạy: sudo apt-get update && sudo apt-get install -y --no-install-recommends $lacking"
    exit 1
  fi
  say "Cài gói: $lacking"
  # shellcheck disable=SC2086
  installing $lacking || { say "Không cài được gói. Kiểm tra mạng và /etc/apt/sources.list, rồi chạy lại."; exit 1; }
}

# apt's own words on a terminal; in a log only those of a failure.
installing() {
  if [ -n "$terminal" ]; then
    { apt_get install "$@" || { apt_get update && apt_get install "$@"; }; } >&2
    return
  fi
  local log
  log=$(mktemp /tmp/conglang-apt.XXXXXX)
  if ! { apt_get install "$@" || { apt_get update && apt_get install "$@"; }; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
apt_get() {
  local what=$1
  shift
  if [ "$what" = update ]; then real apt-get update; else real env DEBIAN_FRONTEND=noninteractive apt-get "$what" -y --no-install-recommends "$@"; fi
}

# A chronyd that is not installed, because the machine keeps the time daemon that it has: unpacked into folder $1.
need_chronyd() {
  if [ -x /usr/sbin/chronyd ]; then export CONGLANG_CHRONYD=/usr/sbin/chronyd; return 0; fi
  export CONGLANG_CHRONYD="$1/chrony/usr/sbin/chronyd"
  [ -x "$CONGLANG_CHRONYD" ] && return 0
  say "Lấy chronyd (không cài)…"
  mkdir -p "$1/chrony"
  ( cd "$1/chrony" && { real apt-get download -q chrony || { real apt-get update -q && real apt-get download -q chrony; }; } && dpkg -x chrony_*.deb . && rm -f chrony_*.deb ) >&2
  real apt-get install -y -q --no-install-recommends libseccomp2 libcap2 libedit2 libgnutls30 libnettle8 >&2
}

cargo_minor() { cargo --version 2>/dev/null | sed -nE 's/^cargo 1\.([0-9]+).*/\1/p' || true; }

# A cargo that is new enough: the one that is there, or Debian's own newer packages (bookworm's security suite has 1.96).
need_cargo() {
  [ -d "$HOME/.cargo/bin" ] && PATH="$HOME/.cargo/bin:$PATH"
  local minor
  minor=$(cargo_minor)
  if [ -z "$minor" ] || [ "$minor" -lt 95 ]; then
    # An older one in the home folder must not stand before Debian's.
    PATH="/usr/bin:$PATH"
    minor=$(cargo_minor)
    if [ -z "$minor" ] || [ "$minor" -lt 95 ]; then
      [ "$(id -u)" = 0 ] || { say "Cần cargo 1.95 trở lên. Chạy: sudo apt-get update && sudo apt-get install -y rustc-web cargo-web"; exit 1; }
      say "Cài cargo…"
      installing rustc-web cargo-web || true
      minor=$(cargo_minor)
      [ -n "$minor" ] && [ "$minor" -ge 95 ] || { say "Cần cargo 1.95 trở lên; máy này có “$(cargo --version 2>/dev/null)”."; exit 1; }
    fi
  fi
  export PATH
}

# A port base whose doors nobody uses now.
free_base() {
  /usr/bin/python3 -c 'import random, socket
def free(p):
    s = socket.socket()
    try: s.bind(("127.0.0.1", p)); return True
    except OSError: return False
    finally: s.close()
print(next(b for b in random.sample(range(20000, 30000, 100), 100) if all(free(b + n) for n in range(50, 99))))'
}

# The formatter and the linter of that cargo, where it came without them.
need_lints() {
  cargo fmt --version >/dev/null 2>&1 || need_packages rustfmt-web
  cargo clippy --version >/dev/null 2>&1 || need_packages rust-web-clippy
}
