#!/usr/bin/env bash
# Runs a real Keycloak on the loopback interface, for tests and demonstrations.
#
#   start.sh -p PORT -m MANAGEMENT_PORT -d DATA_DIR [-r REALM.json] [-- OPTIONS]
#
# The server takes the place of this script (exec), so the script's process id
# is the server's. It is ready once http://127.0.0.1:MANAGEMENT_PORT/health/ready
# answers 200. OPTIONS go to `kc.sh start`. The first administrator is
# admin/admin of the realm master: never run this on another interface.
#
# Needs bash, flock, a JDK (17 or newer) and Maven. The first run fetches and
# builds Keycloak and imports the realm once; every later run starts from a
# copy of that database in a few seconds. Everything is kept under
# ${REGRANT_KEYCLOAK_CACHE:-~/.cache/regrant/keycloak}.
set -euo pipefail

readonly VERSION=26.7.3
readonly CACHE=${REGRANT_KEYCLOAK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/regrant/keycloak}
readonly SERVER=$CACHE/keycloak-$VERSION
readonly CLASSES=$SERVER/classes.jsa
export KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin

say() { echo "keycloak: $*" >&2; }
die() { say "$*"; exit 1; }

# need NAME WHAT: the program must be there, or say what to install.
need() { command -v "$1" >/dev/null || die "$1 not found: install $2"; }

# install fetches and builds the server. Nothing but the distribution itself is
# resolved, so no dependency of it is looked up.
install() {
  say "fetching Keycloak $VERSION (about 180 MB, once)"
  rm -rf "$SERVER"
  mvn -q -B dependency:copy -DoutputDirectory="$CACHE" \
    -Dartifact="org.keycloak:keycloak-quarkus-dist:$VERSION:zip" -Dmdep.useBaseVersion=true >&2
  local zip=$CACHE/keycloak-quarkus-dist-$VERSION.zip
  (cd "$CACHE" && jar xf "$zip")
  rm -f "$zip"
  chmod +x "$SERVER"/bin/*.sh # jar keeps no modes
  say "building it (once)"
  "$SERVER/bin/kc.sh" build --db=dev-file --health-enabled=true >&2
  touch "$SERVER/.built"
}

# command_for ADDRESS PORT MANAGEMENT_PORT DATA_DIR CLASS_OPTION [OPTIONS]: sets COMMAND to
# what kc.sh would run, without the shell in between and tuned to start fast.
command_for() {
  local address=$1 port=$2 management=$3 data=$4 classes=$5
  shift 5
  COMMAND=(java "$classes" -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
    -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote
    -Dfile.encoding=UTF-8 -Duser.language=en -Duser.country=US -Djava.security.egd=file:/dev/urandom
    --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.security=ALL-UNNAMED
    --add-opens=java.base/java.util=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED
    -Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory
    -Djava.util.logging.manager=org.jboss.logmanager.LogManager -Dpicocli.disable.closures=true
    "-Dkc.home.dir=$SERVER" "-Djboss.server.config.dir=$SERVER/conf"
    -cp "$SERVER/lib/quarkus-run.jar" io.quarkus.bootstrap.runner.QuarkusEntryPoint
    start --optimized --cache=local --shutdown-delay=0s --shutdown-timeout=0s
    --http-enabled=true "--http-host=$address" "--http-port=$port"
    "--http-management-host=$address" "--http-management-port=$management"
    "--db-url=jdbc:h2:file:$data/keycloakdb;NON_KEYWORDS=VALUE" "$@")
}

# class_option: how the JVM uses the class archive, if there is one.
class_option() {
  if [[ -s $CLASSES ]]; then echo "-XX:SharedArchiveFile=$CLASSES"; else echo "-Xshare:auto"; fi
}

# await PID ADDRESS MANAGEMENT_PORT: returns once the server is ready.
await() {
  local status
  for _ in {1..1200}; do
    kill -0 "$1" 2>/dev/null || die "server ended while starting"
    status=
    if { exec 3<>"/dev/tcp/$2/$3"; } 2>/dev/null; then
      printf 'GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 || true
      read -r -t 5 status <&3 || true
      exec 3>&-
    fi
    [[ $status == *" 200"* ]] && return
    sleep 0.2
  done
  die "server not ready after four minutes"
}

# snapshot REALM DIR PORT MANAGEMENT_PORT: imports the realm into a database
# file that later starts copy. Whoever waits for the server that was asked for must
# not meet this one, which soon ends: it listens on an address of its own.
snapshot() {
  local realm=$1 dir=$2 port=$3 management=$4 address=127.0.0.2 classes
  say "importing $(basename "$realm") (once)"
  rm -rf "$dir" "$SERVER/data/import"
  mkdir -p "$dir" "$SERVER/data/import"
  cp "$realm" "$SERVER/data/import/realm.json"
  classes=$(class_option)
  [[ -s $CLASSES ]] || classes=-XX:ArchiveClassesAtExit=$CLASSES
  command_for "$address" "$port" "$management" "$dir" "$classes" --hostname-strict=false --import-realm
  (cd "$dir" && exec "${COMMAND[@]}") >&2 </dev/null 8>&- &
  IMPORT=$!
  trap 'kill -TERM "$IMPORT" 2>/dev/null; wait "$IMPORT"; exit 1' TERM INT EXIT
  await "$IMPORT" "$address" "$management"
  kill -TERM "$IMPORT"
  wait "$IMPORT" || true
  trap - TERM INT EXIT
  rm -rf "$SERVER/data/import"
  touch "$dir/.done"
}

main() {
  local port= management= data= realm= option
  realm=$(dirname "${BASH_SOURCE[0]}")/realm.json
  while getopts p:m:d:r: option; do
    case $option in
      p) port=$OPTARG ;; m) management=$OPTARG ;; d) data=$OPTARG ;; r) realm=$OPTARG ;;
      *) die "usage: start.sh -p PORT -m MANAGEMENT_PORT -d DATA_DIR [-r REALM.json] [-- OPTIONS]" ;;
    esac
  done
  shift $((OPTIND - 1))
  [[ $port && $management && $data ]] || die "-p, -m and -d are needed"
  need java "a JDK, version 17 or newer"
  need jar "a JDK, version 17 or newer (this is a JRE only)"
  need mvn "Maven 3"
  need flock "util-linux"

  mkdir -p "$CACHE" "$data"
  data=$(cd "$data" && pwd)
  local imported
  imported=$CACHE/realm-$VERSION-$(sha256sum <"$realm" | cut -c1-16)
  exec 8>"$CACHE/lock"
  flock 8 # one installer, one importer, one start
  [[ -e $SERVER/.built ]] || install
  [[ -e $imported/.done ]] || snapshot "$realm" "$imported" "$port" "$management"

  [[ -e $data/keycloakdb.mv.db ]] || cp "$imported/keycloakdb.mv.db" "$data/"
  command_for 127.0.0.1 "$port" "$management" "$data" "$(class_option)" "$@"
  cd "$data"
  # The server merges the truststores that it was given into one file of its installation, which all instances share, and
  # reads it before it is ready. So the lock is held until then, by a process that goes on beside the server.
  await $$ 127.0.0.1 "$management" >/dev/null 2>&1 &
  exec 8>&-
  exec "${COMMAND[@]}"
}
main "$@"
