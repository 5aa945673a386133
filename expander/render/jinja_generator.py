"""The code of Jinja2 templates: what prints yields constant texts and values, apart from each other."""

from __future__ import annotations

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame


class PairGenerator(CodeGenerator):
    """Jinja2's code, in which what prints yields one pair: constant texts, and the values between them.

    The texts are a tuple with one more than the values, the same object each time. Values of the types
    ``environment.plain`` are yielded as they are, any other as ``environment.printed`` gives it. What is
    collected to be joined (macros, blocks that are set) is written as Jinja2 does.
    """

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802
        if frame.buffer is not None or frame.require_output_check:
            super().visit_Output(node, frame)
            return
        texts, values = [""], []
        for child in node.nodes:
            try:
                texts[-1] += self._output_child_to_const(child, frame, self._make_finalize())
            except Exception:  # no constant, or one whose error is told when it is printed
                values.append(child)
                texts.append("")
        self.writeline(f"yield {tuple(texts)!r}, (")
        for child in values:
            self.newline(child)
            self.write("value if (value := ")
            self.visit(child, frame)
            self.write(").__class__ in environment.plain else environment.printed(value),")
        self.write(")")

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
