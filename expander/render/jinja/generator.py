"""The code of Jinja2 templates: what prints yields constant texts and values, apart from each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

from expander.base.named_tuple import NamedTuple

Pair: TypeAlias = "tuple[tuple[str, ...], tuple[Any, ...]]"
"""Constant texts, and the values between them: one fewer."""

MIN_COLUMNS: Final = 16
"""Fewer turns of a loop are written one by one."""

_PURE: Final = (nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.BinExpr, nodes.UnaryExpr)
_PURE_FILTERS: Final = frozenset(
    "d default float int k8s_name k8s_subdomain label_value lower quantity quote replace string upper".split()
)


class Columns(NamedTuple):
    """What many turns of a loop print: constant texts, and for each place between them the values."""

    texts: tuple[str, ...]
    values: tuple[Sequence[Any], ...]

    def pairs(self) -> Iterator[Pair]:
        """The same turn by turn."""
        for row in zip(*self.values, strict=True):
            yield self.texts, row


class PairGenerator(CodeGenerator):
    """Jinja2's code, in which what prints yields one pair: constant texts, and the values between them.

    The texts are a tuple with one more than the values, the same object each time. Values of the types
    ``environment.plain`` are yielded as they are, any other as ``environment.printed`` gives it. A loop that
    prints the same texts each time yields `Columns`, if nothing but such values comes between them. What is
    collected to be joined (macros, blocks that are set) is written as Jinja2 does.
    """

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802
        if frame.buffer is not None or frame.require_output_check:
            super().visit_Output(node, frame)
            return
        texts, values = self._pair(node, frame)
        self.writeline(f"yield {texts!r}, (")
        for child in values:
            self.newline(child)
            self.write("value if (value := ")
            self.visit(child, frame)
            self.write(").__class__ in environment.plain else environment.printed(value),")
        self.write(")")

    def _pair(self, node: nodes.Output, frame: Frame) -> tuple[tuple[str, ...], list[nodes.Expr]]:
        """The constant texts of what is printed, and the expressions between them."""
        texts, values = [""], list[nodes.Expr]()
        for child in node.nodes:
            try:
                texts[-1] += self._output_child_to_const(child, frame, self._make_finalize())
            except Exception:  # no constant, or one whose error is told when it is printed
                values.append(child)
                texts.append("")
        return tuple(texts), values

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802
        output = None if frame.buffer is not None or frame.require_output_check else _columns_of(node)
        if output is None:
            super().visit_For(node, frame)
            return
        chunk, columns = self.temporary_identifier(), self.temporary_identifier()
        self.writeline(f"for {chunk} in environment.chunks(", node)
        self.visit(node.iter, frame)
        self.write("):")
        self.indent()
        turns = object.__new__(nodes.InternalName)  # as Jinja2's parser makes them
        nodes.Node.__init__(turns, chunk, lineno=node.lineno)
        loop = nodes.For(node.target, turns, node.body, [], None, False, lineno=node.lineno)
        inner = frame.inner()
        inner.symbols.analyze_node(loop, for_branch="body")
        self.writeline(f"if len({chunk}) >= {MIN_COLUMNS}:")
        self.indent()
        self.enter_frame(inner)
        self.writeline("try:")
        self.indent()
        texts, values = self._pair(output, inner)
        known: dict[str, str] = {}
        names = [self._column(value, node.target, chunk, inner, known) for value in values]
        self.writeline(f"{columns} = environment.columns({texts!r}, ({''.join(f'{n}, ' for n in names)}))")
        self.outdent()
        self.writeline("except Exception:")  # it is told when its turn is printed
        self.indent()
        self.writeline(f"{columns} = None")
        self.outdent()
        self.writeline(f"if {columns} is not None:")
        self.indent()
        self.writeline(f"yield {columns}")
        self.writeline("continue")
        self.outdent(2)
        super().visit_For(loop, frame)
        self.outdent()

    def _column(
        self, value: nodes.Expr, target: nodes.Node, chunk: str, frame: Frame, known: dict[str, str]
    ) -> str:
        """Write what a value is in each turn of a loop; the name of that column, by variable in ``known``."""
        if isinstance(value, nodes.Name):
            if isinstance(target, nodes.Name) and value.name == target.name:
                return chunk
            if value.name in known:
                return known[value.name]
        name = self.temporary_identifier()
        self.writeline(f"{name} = [")
        self.visit(value, frame)
        self.write(" for ")
        self.visit(target, frame)
        self.write(f" in {chunk}]")
        if isinstance(value, nodes.Name):
            known[value.name] = name
        return name

    def visit_FilterBlock(self, node: nodes.FilterBlock, frame: Frame) -> None:  # noqa: N802
        """What the filter makes is printed like the value of any other expression."""
        inner = frame.inner()
        inner.symbols.analyze_node(node)
        self.enter_frame(inner)
        self.buffer(inner)
        self.blockvisit(node.body, inner)
        self.start_write(frame, node)
        self.write("environment.finalize(")
        self.visit_Filter(node.filter, inner)
        self.write(")")
        self.end_write(frame)
        self.leave_frame(inner)


def _columns_of(node: nodes.For) -> nodes.Output | None:
    """What each turn of a loop prints, if it is expressions without effects between the same texts."""
    if node.recursive or node.test or node.else_ or len(node.body) != 1:
        return None
    (output,) = node.body
    if not isinstance(output, nodes.Output) or not all(map(_is_pure, output.nodes)):
        return None
    is_constant = all(isinstance(each, (nodes.TemplateData, nodes.Const)) for each in output.nodes)
    return None if is_constant else output


def _is_pure(node: nodes.Node) -> bool:
    if isinstance(node, nodes.TemplateData):
        return True
    if isinstance(node, nodes.Name):
        return bool(node.name != "loop")
    if isinstance(node, nodes.Filter):
        arguments = [*node.args, *(each.value for each in node.kwargs)]
        is_known = node.name in _PURE_FILTERS and node.dyn_args is None and node.dyn_kwargs is None
        return is_known and node.node is not None and all(map(_is_pure, (node.node, *arguments)))
    if isinstance(node, nodes.Concat):
        return all(map(_is_pure, node.nodes))
    return isinstance(node, _PURE) and all(map(_is_pure, node.iter_child_nodes()))
