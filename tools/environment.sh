# What `./run` needs on a machine, one function a step. Every step looks first whether its result is
# already there, so all of them can be repeated. Sourced by `run`; sets PYTHON, ADDONS_PATH and PG*.

ODOO_SERIES=19
DEBIAN_SUITE=sid # the Debian suite that packages Odoo
# Debian replaces files of its Odoo package by links into these packages: same prefix, no dangling link.
ODOO_COMPANIONS="libjs-jquery libjs-jquery-form libjs-underscore fonts-font-awesome fonts-roboto-unhinted
  fonts-inconsolata fonts-ocr-b fonts-montserrat"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { # sentence, hint
  printf 'run: %s\n     %s\n' "$1" "${2:-Run ./run --help for what is possible.}" >&2
  exit 1
}

# The cache is outside the checkout, and readable by the user that PostgreSQL runs as.
default_cache() {
  if [ "$(id -u)" = 0 ]; then
    echo /var/cache/call-center-billing
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/call-center-billing"
  fi
}
CACHE=${CALL_CENTER_BILLING_CACHE:-$(default_cache)}
LOG=$CACHE/log

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "System packages are missing and neither root nor sudo is available." \
      "Install them by hand: $MISSING"
  fi
}

# Runs a command quietly; on failure shows the end of what it printed.
quietly() { # log name, command...
  local log=$LOG/$1.log
  shift
  "$@" >"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    die "This command failed: $*" "The whole output is in $log"
  }
}

# --- System packages ------------------------------------------------------------------------------

ensure_system_packages() {
  MISSING=
  [ -n "${PGHOST:-}" ] || find_postgres >/dev/null || MISSING="$MISSING postgresql"
  command -v psql >/dev/null || MISSING="$MISSING postgresql-client"
  command -v wkhtmltopdf >/dev/null || MISSING="$MISSING wkhtmltopdf"
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || MISSING="$MISSING chromium"
  has_font DejaVu || MISSING="$MISSING fonts-dejavu-core"
  has_font Liberation || MISSING="$MISSING fonts-liberation"
  "$(find_python)" -c 'import venv, ensurepip' 2>/dev/null || MISSING="$MISSING python3-venv"
  command -v xz >/dev/null || MISSING="$MISSING xz-utils"
  [ -n "$MISSING" ] || return 0
  command -v apt-get >/dev/null || die "These programs are missing:$MISSING" \
    "This system has no apt-get: install them with its own package manager and run again."
  say "Installing Debian packages:$MISSING"
  quietly apt-update as_root apt-get update
  # shellcheck disable=SC2086
  quietly apt-install as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $MISSING
}

has_font() { command -v fc-list >/dev/null && fc-list : family | grep -q "$1"; }

find_python() {
  local candidate
  for candidate in "${PYTHON_FOR_ODOO:-}" python3 /usr/bin/python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' 2>/dev/null &&
      command -v "$candidate" && return 0
  done
  die "Odoo $ODOO_SERIES needs Python 3.10 or newer and none was found." \
    "Install python3, or name one with PYTHON_FOR_ODOO=/path/to/python3."
}

# --- Odoo -----------------------------------------------------------------------------------------

# Sets ODOO_PYTHONPATH (what holds the package `odoo`) and ODOO_ADDONS (its other add-ons, if any).
ensure_odoo() {
  if [ -n "${ODOO_HOME:-}" ]; then
    ODOO_PYTHONPATH=$(cd "$ODOO_HOME" 2>/dev/null && pwd) || die "ODOO_HOME=$ODOO_HOME is not a directory." \
      "Name a source checkout of Odoo $ODOO_SERIES, or the directory that holds its Python package 'odoo'."
  else
    ensure_debian_odoo
    ODOO_PYTHONPATH=$CACHE/odoo/usr/lib/python3/dist-packages
  fi
  ODOO_ADDONS=
  # A source checkout keeps most add-ons beside the package.
  [ -d "$ODOO_PYTHONPATH/addons/account" ] && [ ! -d "$ODOO_PYTHONPATH/odoo/addons/account" ] &&
    ODOO_ADDONS=$ODOO_PYTHONPATH/addons
  [ -f "$ODOO_PYTHONPATH/odoo/release.py" ] || die "There is no Odoo in $ODOO_PYTHONPATH." \
    "Name a source checkout of Odoo $ODOO_SERIES, or the directory that holds its Python package 'odoo'."
  grep -q "version_info = ($ODOO_SERIES," "$ODOO_PYTHONPATH/odoo/release.py" ||
    die "The Odoo in $ODOO_PYTHONPATH is not series $ODOO_SERIES." "Call Center Billing is made for Odoo $ODOO_SERIES.0."
}

ensure_debian_odoo() {
  [ -f "$CACHE/odoo/complete" ] && return 0
  local mirror apt_root=$CACHE/apt package
  command -v apt-get >/dev/null || die "Odoo $ODOO_SERIES is fetched from Debian's packages and this system has no apt-get." \
    "Name an Odoo that is already there: ODOO_HOME=/path/to/odoo ./run ..."
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
    awk '$2 !~ /-/ {print $1; exit}')
  [ -n "$mirror" ] || die "No Debian mirror is configured on this machine." \
    "Add one to /etc/apt/sources.list, or set ODOO_HOME to an Odoo that is already there."
  say "Fetching Odoo $ODOO_SERIES from Debian $DEBIAN_SUITE (120 MB, unpacked beside the system, nothing is installed)"
  mkdir -p "$apt_root/lists/partial" "$apt_root/cache/archives/partial" "$apt_root/download"
  chmod 755 "$apt_root" "$apt_root"/*
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $DEBIAN_SUITE main" >"$apt_root/sources.list"
  local options=("-oDir::Etc::sourcelist=$apt_root/sources.list" -oDir::Etc::sourceparts=- -oDir::Etc::preferences=-
    -oDir::Etc::preferencesparts=- "-oDir::State::lists=$apt_root/lists" "-oDir::Cache=$apt_root/cache"
    -oAPT::Sandbox::User=root -oAcquire::Languages=none)
  quietly odoo-apt-update apt-get "${options[@]}" update
  rm -rf "$CACHE/odoo" "$apt_root/download"/*.deb
  # shellcheck disable=SC2086
  (cd "$apt_root/download" && quietly odoo-download apt-get "${options[@]}" download odoo-$ODOO_SERIES $ODOO_COMPANIONS)
  mkdir -p "$CACHE/odoo"
  for package in "$apt_root/download"/*.deb; do
    quietly odoo-unpack dpkg-deb -x "$package" "$CACHE/odoo"
  done
  rm -rf "$apt_root"
  touch "$CACHE/odoo/complete"
}

# --- Python ---------------------------------------------------------------------------------------

# One virtual environment per lock file and Odoo; a `.pth` file makes Odoo importable and visible to pip.
ensure_virtualenv() {
  local base key
  base=$(find_python)
  key=$( (cat "$ROOT/requirements.lock" && "$base" -VV && echo "$ODOO_PYTHONPATH") | sha256sum | cut -c1-12)
  VENV=$CACHE/venv-$key
  PYTHON=$VENV/bin/python
  if [ ! -f "$VENV/complete" ]; then
    say "Installing the locked Python packages and OCA add-ons into $VENV"
    rm -rf "$VENV"
    quietly venv "$base" -m venv "$VENV"
    echo "$ODOO_PYTHONPATH" >"$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/odoo.pth"
    quietly pip "$PYTHON" -m pip install --disable-pip-version-check --no-deps --require-hashes -r "$ROOT/requirements.lock"
    touch "$VENV/complete"
  fi
  "$PYTHON" -c 'import odoo.release' 2>/dev/null || die "Odoo cannot be imported from $ODOO_PYTHONPATH." \
    "Delete $CACHE/odoo and $VENV and run again."
  ADDONS_PATH=$ROOT,$ROOT/tools/addons${ODOO_ADDONS:+,$ODOO_ADDONS}
}

# --- PostgreSQL -----------------------------------------------------------------------------------

find_postgres() { # directory of the server's programs
  local candidate
  for candidate in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) /usr/local/pgsql/bin; do
    [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ] && echo "$candidate" && return 0
  done
  return 1
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u "$PG_OS_USER" -- "$@"
  else
    "$@"
  fi
}

postgres_settings() {
  PG_OS_USER=$(id -un)
  if [ "$(id -u)" = 0 ]; then
    PG_OS_USER=postgres
    getent passwd postgres >/dev/null || PG_OS_USER=nobody
  fi
  PG_DATA=$CACHE/postgresql/data
  PG_SOCKET=$CACHE/postgresql
}

# Uses the server named by PGHOST, or starts a private one. Exports PGHOST, PGPORT and PGUSER.
ensure_postgres() {
  if [ -n "${PGHOST:-}" ]; then
    export PGPORT=${PGPORT:-5432} PGUSER=${PGUSER:-$(id -un)}
    psql -d postgres -Atc 'SELECT 1' >/dev/null 2>&1 || die "PostgreSQL at PGHOST=$PGHOST does not accept user $PGUSER." \
      "Check PGHOST, PGPORT, PGUSER and PGPASSWORD, or unset PGHOST to use a private server."
    return 0
  fi
  postgres_settings
  local bin port buffers
  bin=$(find_postgres) || die "No PostgreSQL server was found." "Install the Debian package postgresql, or set PGHOST."
  if [ ! -f "$PG_DATA/complete" ]; then
    say "Creating a private PostgreSQL cluster in $PG_DATA"
    mkdir -p "$CACHE/postgresql"
    rm -rf "$PG_DATA"
    [ "$(id -u)" != 0 ] || chown "$PG_OS_USER" "$CACHE/postgresql"
    quietly initdb as_postgres "$bin/initdb" -D "$PG_DATA" -U odoo -A trust -E UTF8 --locale=C.UTF-8
    # A quarter of the memory, as PostgreSQL's manual advises: a machine of 24 GB keeps the indexes of 50,000,000 calls in it.
    buffers=$(awk '/^MemTotal/ {mb = int($2 / 4096); print (mb > 6144 ? 6144 : mb)}' /proc/meminfo)
    as_postgres tee -a "$PG_DATA/postgresql.conf" >/dev/null <<SETTINGS
listen_addresses = '127.0.0.1'
shared_buffers = ${buffers}MB
work_mem = 64MB
temp_buffers = 128MB
wal_buffers = 64MB
checkpoint_timeout = 15min
maintenance_work_mem = 256MB
max_wal_size = 4GB
SETTINGS
    as_postgres touch "$PG_DATA/complete"
  fi
  if ! as_postgres "$bin/pg_ctl" -D "$PG_DATA" status >/dev/null 2>&1; then
    port=$(free_port)
    say "Starting PostgreSQL on 127.0.0.1:$port"
    quietly postgres-start as_postgres "$bin/pg_ctl" -D "$PG_DATA" -w -t 60 -l "$PG_DATA/server.log" \
      -o "-p $port -k $PG_SOCKET" start 9>&-
  fi
  PGHOST=$PG_SOCKET
  PGPORT=$(sed -n 4p "$PG_DATA/postmaster.pid")
  PGUSER=odoo
  export PGHOST PGPORT PGUSER
}

stop_postgres() {
  postgres_settings
  local bin
  bin=$(find_postgres) || return 0
  [ -f "$PG_DATA/postmaster.pid" ] || return 0
  say "Stopping PostgreSQL"
  as_postgres "$bin/pg_ctl" -D "$PG_DATA" -w -m fast stop >/dev/null 2>&1 || true
}

free_port() {
  "$(find_python)" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# --- Everything -----------------------------------------------------------------------------------

# Two runs at the same time must not prepare the same things: one waits for the other.
prepare() {
  mkdir -p "$LOG" 2>/dev/null || die "The cache directory $CACHE cannot be written." \
    "Name another one with CALL_CENTER_BILLING_CACHE=/some/directory."
  chmod 755 "$CACHE"
  exec 9>"$CACHE/lock"
  flock -n 9 || { say "Waiting for another ./run to finish its set-up" && flock 9; }
  ensure_system_packages
  ensure_odoo
  ensure_virtualenv
  ensure_postgres
  flock -u 9
  exec 9>&-
}
