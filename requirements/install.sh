#!/bin/sh
# Installs exactly the pinned packages. make and the images run this, so they hold the same.
#
#   requirements/install.sh VENV LOCK...    the packages of locks; makes VENV if need be
#   requirements/install.sh --project VENV  this project, from the current directory
#
# PYTHON: what makes VENV. TORCH_INDEX: where torch's CPU build is looked for when the
# machine's own pip settings do not find it. pip's settings hold for all packages.
set -eu

UV_VERSION=0.13.9
PYTHON=${PYTHON:-python3}
TORCH_INDEX=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}

make_environment() {
	"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11) and
		f"{sys.executable} is Python {sys.version.split()[0]}: 3.11 or newer is needed, "
		"e.g. make PYTHON=python3.12")'
	if [ ! -x "$bin/python" ]; then
		echo "making $venv"
		"$PYTHON" -m venv "$venv"
	fi
	if [ "$("$bin/uv" --version 2>/dev/null | cut -d ' ' -f 2)" != "$UV_VERSION" ]; then
		echo "installing uv $UV_VERSION"
		pip_install "uv==$UV_VERSION"
	fi
}

pip_install() {
	"$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$@"
}

# uv does not read pip's settings: pass on where pip finds packages, and whom it trusts.
uv_install() {
	index=${PIP_INDEX_URL:-$(setting global.index-url)}
	cert=${PIP_CERT:-$(setting global.cert)}
	env ${index:+UV_DEFAULT_INDEX="$index"} ${cert:+SSL_CERT_FILE="$cert"} \
		"$bin/uv" pip install --python "$bin/python" --quiet --no-deps "$@"
}

setting() {
	"$bin/python" -m pip config get "$1" 2>/dev/null || true
}

install_torch() {
	torch=$(sed -n '/^torch==/{s/ *;.*//;p;}' "$1")
	if [ -z "$torch" ]; then
		return
	fi
	echo "installing $torch"
	pip_install "$torch" || {
		echo "not found with this machine's pip settings; trying $TORCH_INDEX"
		pip_install --index-url "$TORCH_INDEX" "$torch"
	}
}

install_lock() {
	install_torch "$1"
	echo "installing $(grep -c == "$1") packages of $1"
	grep -v '^torch==' "$1" > "$venv/without-torch.lock"
	uv_install -r "$venv/without-torch.lock"
}

usage() {
	sed -n '4,5s/^# *//p' "$0" >&2
	exit 2
}

[ $# -ge 2 ] || usage
if [ "$1" = --project ]; then
	bin=$2/bin
	echo "installing this project"
	uv_install --no-build-isolation --editable .
else
	venv=$1 bin=$1/bin
	shift
	make_environment
	for lock in "$@"; do
		install_lock "$lock"
	done
fi
