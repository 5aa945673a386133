#!/bin/sh
# Installs the Debian packages that tests talk to, those that are missing.
set -eu
PATH=$PATH:/usr/sbin
missing=
for program in redis-server rabbitmq-server chromium openssl podman runc zstd; do
    command -v $program >/dev/null || missing="$missing $program"
done
command -v amqp-publish >/dev/null || missing="$missing amqp-tools"
command -v ping >/dev/null || missing="$missing iputils-ping"
[ -n "$missing" ] || exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
