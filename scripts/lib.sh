# Shared by the scripts: what a fresh Debian 12 machine lacks, and how it is got. Sourced, never run.

PACKAGES_BUILD="gcc libc6-dev git pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev"
PACKAGES_RUN="espeak-ng espeak-ng-data tzdata ca-certificates gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-libav"
# The demo's cameras: a server that is not ours, and what draws their pictures.
PACKAGES_CAMERAS="python3 python3-gi python3-gst-1.0 gir1.2-gst-rtsp-server-1.0 ffmpeg"
PACKAGES_TEST="faketime util-linux mosquitto-clients chromium chromium-driver fonts-noto-core"

# Some services run scripts without a home.
export HOME="${HOME:-/root}"

say() { printf '%s\n' "$*" >&2; }

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
  { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $lacking ||
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $lacking; }; } >/tmp/conglang-apt.$$.log 2>&1 ||
    { tail -5 /tmp/conglang-apt.$$.log >&2; exit 1; }
  rm -f /tmp/conglang-apt.$$.log
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
      { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rustc-web cargo-web; } >/dev/null 2>&1 || true
      minor=$(cargo_minor)
      [ -n "$minor" ] && [ "$minor" -ge 95 ] || { say "Cần cargo 1.95 trở lên; máy này có “$(cargo --version 2>/dev/null)”."; exit 1; }
    fi
  fi
  export PATH
}

# The formatter and the linter of that cargo, where it came without them.
need_lints() {
  cargo fmt --version >/dev/null 2>&1 || need_packages rustfmt-web
  cargo clippy --version >/dev/null 2>&1 || need_packages rust-web-clippy
}
