#!/usr/bin/env bash
# Write the option lists of ftsq.1, ftstat.1 and ftum.1 anew from options.def: cli/man.sh PROGRAM-FOLDER.
# Between the lines .\" options and .\" end of options of each page; the rest of a page is written by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
for p in ftsq ftstat ftum; do
	page=docs/man/$p.1
	"$1/$p" --man >"$page.options"
	awk -v list="$page.options" '
		/^\.\\" options$/ { print; while ((getline line < list) > 0) print line; skip = 1; next }
		/^\.\\" end of options$/ { skip = 0 }
		!skip' "$page" >"$page.new"
	rm "$page.options"
	if cmp -s "$page" "$page.new"; then rm "$page.new"; else mv "$page.new" "$page"; fi
done
