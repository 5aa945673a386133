"""Templates that write their scalars in every style YAML has, with comments wherever they may stand."""

from __future__ import annotations

from random import Random

COMMENTS = ["# x", "# $ITEM: y", '# "', "#", "# a 'b", "# | >-", "# ünï"]
TEXTS = [
    "one",
    "a b",
    "it's",
    'say "x"',
    "x: y",
    "# no",
    "é",
    "--flag",
    "  lead",
    "a\\nb",
    "{z}",
    "tail ",
    "- i",
    "%",
    "$(A)",
    "$$(A)",
    "$(NONE)",
]
PLAIN = [
    "one",
    "a b",
    "x-y",
    "no",
    "on",
    "é",
    "12:30",
    "2001-01-01",
    "0o10",
    "1e3",
    "010",
    "~",
    "=",
    "1_000",
    "yes",
]
CONSTANTS = [
    *PLAIN,
    '"on"',
    "'y'",
    "!!str 12",
    '"\\u00e9\\x85"',
    "!!int '7'",
    "|-\n{i}two\n{i} lines",
    ".5",
    "-0",
]


class Writer:
    """Writes one template; ``random`` decides every choice."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.anchors = 0

    def template(self) -> str:
        documents = [self.job(), *([self.thing()] if self.chance(0.4) else [])]
        text = "---\n".join(documents)
        return text.replace("\n", "\r\n") if self.chance(0.1) else text

    def job(self) -> str:
        return (
            f"{self.line()}apiVersion: batch/v1{self.tail()}\nkind: Job\nmetadata:\n  name: j-$INDEX\n"
            f"{self.line(2)}  annotations:{self.tail()}\n"
            + "".join(f"{self.line(4)}    a{n}: {self.scalar(4)}\n" for n in range(self.random.randint(1, 4)))
            + (f"    {self.key()}: {self.scalar(4)}\n" if self.chance(0.3) else "")
            + "spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - name: main\n"
            f"        image: busybox{self.tail()}\n        args:{self.tail()}\n"
            + "".join(f"{self.line(8)}        - {self.scalar(8)}\n" for _ in range(self.random.randint(1, 4)))
            + f"        env: [{{name: A, value: {self.flow()}}},{self.tail()}\n"
            f"          {{name: B, value: {self.flow()}}}]{self.tail()}\n"
        )

    def thing(self) -> str:
        return (
            f"apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t-$INDEX}}\nspec:{self.tail()}\n"
            + self.mapping(2, 3)
        )

    def mapping(self, indent: int, depth: int) -> str:
        pad = " " * indent
        lines = ""
        for number in range(self.random.randint(1, 4)):
            choice = self.random.random()
            lines += f"{self.line(indent)}{pad}k{number}:"
            if depth and choice < 0.2:
                lines += f"{self.tail()}\n{self.mapping(indent + 2, depth - 1)}"
            elif depth and choice < 0.4:
                lines += f"{self.tail()}\n" + "".join(
                    f"{pad}- {self.scalar(indent)}\n" for _ in range(self.random.randint(1, 3))
                )
            elif choice < 0.5:
                lines += f" [{self.flow()}, {self.flow()},{self.tail()}\n{pad}  {{a: {self.flow()}}}]{self.tail()}\n"
            elif choice < 0.6:
                self.anchors += 1
                lines += f" &a{self.anchors} {self.scalar(indent)}\n{pad}again{number}: *a{self.anchors}\n"
            elif choice < 0.75:
                constant = self.random.choice(CONSTANTS).replace("{i}", pad + "  ")
                lines += f" {constant}{'' if '|' in constant else self.tail()}\n"
            else:
                lines += f" {self.scalar(indent)}\n"
        if self.chance(0.2):
            lines += f"{pad}? {self.key()}\n{pad}: {self.scalar(indent)}\n"
        return lines

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def line(self, indent: int = 0) -> str:
        """Possibly a line with a comment."""
        return f"{' ' * indent}{self.random.choice(COMMENTS)}\n" if self.chance(0.15) else ""

    def tail(self) -> str:
        """Possibly a comment at the end of a line."""
        return f"  {self.random.choice(COMMENTS)}" if self.chance(0.15) else ""

    def text(self) -> str:
        """Words and references on one line."""
        parts = [
            self.random.choice(["$ITEM", "${ITEM}", *TEXTS]) for _ in range(self.random.choice([0, 0, 1, 2]))
        ]
        parts.insert(self.random.randint(0, len(parts)), "$ITEM")
        return self.random.choice(["", " "]).join(parts)

    def flow(self) -> str:
        """A scalar that may stand anywhere: plain, or in quotes and possibly on two lines."""
        style = self.random.random()
        if style < 0.3:
            return self.random.choice(
                ["$ITEM", "pre-$ITEM", "a $ITEM b", "$ITEM.x", "on $ITEM", "1$ITEM", "true $ITEM"]
            )
        fold = self.random.choice(["", "", "", "\n            more", "\n\n            more"])
        if style < 0.6:
            return "'" + self.text().replace("'", "''") + fold + "'"
        return '"' + self.text().replace("\\", "\\\\").replace('"', '\\"') + fold + '"'

    def key(self) -> str:
        return self.random.choice(["$ITEM", '"$ITEM"', "'k $ITEM'", '"a: $ITEM"', "k-$ITEM"])

    def scalar(self, indent: int) -> str:
        """A scalar in a block collection, in any style, with a comment behind it where there may be one."""
        if self.chance(0.5):
            tag = self.random.choice(["", "", "", "", "!!str "])
            return f"{tag}{self.flow()}{self.tail()}"
        pad = self.random.randint(1, 4)
        explicit = self.chance(0.3)
        lines = [self.text() if self.chance(0.7) else "" for _ in range(self.random.randint(0, 3))]
        lines.insert(self.random.randint(0, len(lines)), self.text())
        if not explicit:
            lines = [line.lstrip() for line in lines]
        header = self.random.choice("|>") + "".join(
            self.random.sample([str(pad) if explicit else "", self.random.choice(["", "-", "+"])], 2)
        )
        body = "".join(f"\n{' ' * (indent + pad)}{line}" if line else "\n" for line in lines)
        return f"{header}{self.tail()}{body}" + "\n" * self.random.choice([0, 0, 0, 1, 2])
