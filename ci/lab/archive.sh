# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Debian packages of another suite than this machine's, by apt, in an apt root of its own: the mirror is
# the one that the machine's apt uses, signatures are checked with Debian's keyring, and nothing is installed.

# The archive that this machine's own apt uses. Its lists tell which one is
# Debian's; without lists, fetch them into our root.
machine_mirror()
{
	apt-get "$@" indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" && $2 == "Debian" && !n++ { print $3 }'
}

# archive_root SUITE DIR: fetch SUITE's lists into DIR; "${apt[@]}" are then the options by which
# apt-get and apt-cache look there.
archive_root()
{
	local suite=$1 dir=$2 mirror own
	local keyring=${LAB_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
	[ -e "$keyring" ] || die $EX_ENV "no $keyring to check signatures with: install debian-archive-keyring"
	mirror=${LAB_MIRROR:-$(machine_mirror)}
	if [ -z "$mirror" ]; then
		mkdir -p "$dir/machine/lists/partial" "$dir/machine/cache/archives/partial"
		own=(-o Dir::State::lists="$dir/machine/lists" -o Dir::Cache="$dir/machine/cache" -o APT::Sandbox::User=)
		apt-get "${own[@]}" -qq update >/dev/null 2>&1 || true
		mirror=$(machine_mirror "${own[@]}")
	fi
	[ -n "$mirror" ] ||
		die $EX_ENV "the apt sources of this machine name no Debian archive: give one in LAB_MIRROR"

	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/deb" "$dir/x"
	: >"$dir/status"
	echo "deb [arch=amd64 signed-by=$keyring] $mirror $suite main" >"$dir/sources.list"
	apt=(-o Dir::State="$dir/state" -o Dir::State::lists="$dir/state/lists" -o Dir::State::status="$dir/status"
		-o Dir::Cache="$dir/cache" -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User= -o Acquire::Retries=3)
	apt-get "${apt[@]}" -qq -o APT::Update::Error-Mode=any update >"$dir/log" 2>&1 ||
		die $EX_ENV "cannot update $suite: $(grep -m 1 -E '^(E|W):' "$dir/log" || tail -n 1 "$dir/log")"
}
