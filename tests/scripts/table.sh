#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: table.sh NAME=FILE...
#
# Makes the README's table of backends and groups: for each NAME, in which + is a
# space, a column from FILE, the TAP that hy-conform printed there.  A cell has the cases that passed,
# and those that were skipped or failed.

set -eu

[ $# -gt 0 ] || {
	sed -n '4s/^# //p' "$0" >&2
	exit 2
}

for column; do
	sed "s|^|${column%%=*} |" "${column#*=}"
done | awk '
function cell(name, group,    text) {
	text = passed[name, group] + 0
	if (skipped[name, group]) text = text ", " skipped[name, group] " skipped"
	if (failed[name, group]) text = text ", **" failed[name, group] " failed**"
	return text
}

$2 == "ok" || ($2 == "not" && $3 == "ok") {
	match($0, / - [a-z0-9-]+\//)
	group = substr($0, RSTART + 3, RLENGTH - 4)
	if (!($1 in names)) { names[$1]; column[++columns] = $1 }
	if (!(group in groups)) { groups[group]; row[++rows] = group }
	if ($2 == "not") failed[$1, group]++
	else if (/# SKIP/) skipped[$1, group]++
	else passed[$1, group]++
}

END {
	line = "| group |"
	rule = "|-------|"
	for (c = 1; c <= columns; c++) {
				title = column[c]
		gsub(/\+/, " ", title)
		line = line " " title " |"
		rule = rule "---|"
	}
	print line
	print rule
	for (r = 1; r <= rows; r++) {
		line = "| " row[r] " |"
		for (c = 1; c <= columns; c++) {
			line = line " " cell(column[c], row[r]) " |"
		}
		print line
	}
}'
