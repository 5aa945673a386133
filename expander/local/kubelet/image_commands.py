"""What well-known images run when a container has no command, done with this machine's programs.

Without a container engine nobody knows an image's own command. Those that the documentation's pages count on
are here, by the last part of the image's name, as their Dockerfiles have them; others are given by the user.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Final

from expander.base.errors import UsageError
from expander.base.named_tuple import NamedTuple
from expander.local.images.images import LocalImage


class ImageCommand(NamedTuple):
    """ENTRYPOINT and CMD of an image: a container's own args take the place of ``arguments``."""

    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...] = ()


_ADDRESS: Final = """\
ip=$(getent hosts "$(hostname)" | while read -r ip _; do case $ip in 127.*) echo "$ip"; break; esac; done)
ip=${ip:-127.0.0.1}
"""
"""The pod's address, which is one of the loopback device: servers without a password listen nowhere else."""
_RABBITMQ: Final = f"""{_ADDRESS}\
home=$(mktemp -d /tmp/rabbitmq.XXXXXX)
export HOME="$home" RABBITMQ_MNESIA_BASE="$home" RABBITMQ_LOG_BASE="$home" RABBITMQ_LOGS=-
export RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins" RABBITMQ_GENERATED_CONFIG_DIR="$home"
export RABBITMQ_PID_FILE="$home/pid" RABBITMQ_CONFIG_FILE="$home/rabbitmq" RABBITMQ_NODE_IP_ADDRESS="$ip"
export RABBITMQ_NODENAME="rabbit-${{home##*.}}@localhost"
export RABBITMQ_DIST_PORT=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {{127,0,0,1}}"
printf 'loopback_users.guest = false\\n' > "$home/rabbitmq.conf"
server=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -x "$server" ] || server=rabbitmq-server
exec "$server" "$@"
"""
"""RabbitMQ with its files in a folder of its own; guests may come from other pods, as with the image."""
_REDIS: Final = f"""{_ADDRESS}\
case "${{1:-}}" in
  "" | -* | *.conf) exec redis-server "$@" --bind "$ip" --protected-mode no --save "" --dir /tmp ;;
esac
exec "$@"
"""
"""Redis as its image starts it; arguments that are no options of it are a command of their own."""
_NGINX: Final = f"""{_ADDRESS}\
[ $# -eq 0 ] || exec "$@"
if grep -q ' /etc/nginx\\(/nginx.conf\\)\\? ' /proc/self/mounts; then exec nginx -g 'daemon off;'; fi
home=$(mktemp -d /tmp/nginx.XXXXXX)
{{
  echo "daemon off; pid $home/pid; error_log stderr; events {{ }} http {{ access_log /dev/stdout;"
  for each in client_body proxy fastcgi uwsgi scgi; do echo "${{each}}_temp_path $home/$each;"; done
  echo "include /etc/nginx/mime.types; default_type application/octet-stream;"
  set -- /etc/nginx/conf.d/*.conf
  if [ -e "$1" ]; then
    echo "include /etc/nginx/conf.d/*.conf;"
  else
    echo "server {{ listen $ip:80; root /usr/share/nginx/html; }}"
  fi
  echo "}}"
}} > "$home/nginx.conf"
[ "$(id -u)" != 0 ] || echo "user root;" >> "$home/nginx.conf"
exec nginx -c "$home/nginx.conf"
"""
"""nginx as its image is set up, with its files in a folder of its own, unless a pod mounts an nginx.conf."""

_SLEEP: Final = ("sleep", "infinity")
WELL_KNOWN: Final[Mapping[str, ImageCommand]] = {
    "alpine": ImageCommand((), ("/bin/sh",)),
    "bash": ImageCommand((), ("bash",)),
    "busybox": ImageCommand((), ("sh",)),
    "debian": ImageCommand((), ("bash",)),
    "nginx": ImageCommand(("sh", "-c", _NGINX, "nginx")),
    "pause": ImageCommand(_SLEEP),
    "python": ImageCommand((), ("python3",)),
    "rabbitmq": ImageCommand(("sh", "-c", _RABBITMQ, "rabbitmq")),
    "redis": ImageCommand(("sh", "-c", _REDIS, "redis")),
    "ubuntu": ImageCommand((), ("bash",)),
}


def _words(name: str, line: str) -> tuple[str, ...]:
    """The words of a command line, as a shell splits it."""
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise UsageError(f"the command of the image {name}: {line!r}: {error}") from None


class ImageCommands:
    """The commands of images; ``own`` are command lines by image name, which go before what an image says of
    itself, and that before the well-known. ``image`` finds an image that has files of its own. Raises
    UsageError for a command line with an open quotation.
    """

    def __init__(
        self, own: Mapping[str, str] | None = None, image: Callable[[str], LocalImage | None] | None = None
    ) -> None:
        lines = (own or {}).items()
        self._image = image
        self._own = {name: ImageCommand((), _words(name, line)) for name, line in lines}

    def __call__(self, image: str) -> ImageCommand | None:
        """The command of an image, whose name may have registry, tag and digest; None if it is not known."""
        bare = image.partition("@")[0]
        folder, slash, last = bare.rpartition("/")
        untagged = f"{folder}{slash}{last.partition(':')[0]}"
        name = untagged.rpartition("/")[2]
        for known in (image, bare, untagged, name):
            if known in self._own:
                return self._own[known]
        if self._image is not None and (found := self._image(image)) is not None and found.config is not None:
            return ImageCommand(found.config.entrypoint, found.config.cmd)
        return WELL_KNOWN.get(name)
