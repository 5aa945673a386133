"""Items that a shell, YAML or the kubelet might take for something else."""

HOSTILE = [
    "",
    " ",
    "it's",
    '"double"',
    "back`tick`s and $(subshell)",
    "$HOME ${HOME} $$ $1 $@",
    "$(FIRST) $$(FIRST) $$$(FIRST) $(HOME) $(",
    "line\nbreak\n\n",
    "\ttab\r\n\\n \\",
    "-n",
    "--",
    "A=1",
    ";;\n*)\nesac",
    "0)",
    "#comment",
    "~/* [a-z]? {a,b} !x",
    "ünï 日本語 🐧 \u2028\u00a0\u0081\u0088",
    "\x01\x7f\x1b[0m\ufeff",
    "%s %d \\0",
]
