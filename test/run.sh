#!/bin/sh
# The gates of this project, in order; the first that fails ends the run. The last line is "N passed, N failed".
#
#   check   format, lint (type-aware), types, unused code, then unit and stage tests: no root, no engine
#   all     check, then the world and end-to-end tests on a real engine, in network namespaces
#   full    all, and the long forms of the end-to-end tests
set -eu
cd "$(dirname "$0")/.."

LEVEL=${1:-check}
case "$LEVEL" in
check) needs="check" && set -- unit ;;
all) needs="test" && set -- unit world e2e ;;
full) needs="test" && set -- unit world e2e full ;;
*) echo "test/run.sh: no level \"$LEVEL\", expected check, all or full" >&2 && exit 2 ;;
esac

NODE=$(./cloister setup "$needs")
PATH=$(dirname "$NODE"):$PWD/node_modules/.bin:/usr/local/sbin:$PATH:/usr/sbin:/sbin
export PATH

gate() {
    echo "== $*"
    "$@"
}

gate oxfmt --check .
gate oxlint .
gate tsc -p .
gate knip

# One folder for all that tests leave behind, world-readable because some of them change their user.
TMPDIR=$(mktemp -d)
export TMPDIR
chmod 755 "$TMPDIR"
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' HUP INT TERM
REPORTS=$(mktemp -d)
for project in "$@"; do
    echo "== vitest --project $project"
    # The summary judges: a project without a report, or with a failed or skipped test, fails the run.
    vitest run --project "$project" --reporter=default --reporter=json --outputFile.json="$REPORTS/$project.json" || true
done
node test/summary.ts "$REPORTS" "$@"
