"""How tests have a program watched: it is run here, with pedigrad in the place of torch."""

import ast
import contextlib
import io
import linecache
import textwrap
import warnings

import pedigrad


class Imports(ast.NodeTransformer):
    """Lets imports of torch be of pedigrad, under the name that the program gives them."""

    def visit_Import(self, node):
        statements = []
        for each in node.names:
            if each.name.partition(".")[0] == "torch":
                own = each.name.replace("torch", "pedigrad", 1)
                statements.append(ast.Import([ast.alias(own, each.asname or ("torch" if own == "pedigrad" else None))]))
                if each.asname is None and own != "pedigrad":
                    statements.append(ast.Import([ast.alias("pedigrad", "torch")]))
            else:
                statements.append(ast.Import([each]))
        return [ast.copy_location(statement, node) for statement in statements]

    def visit_ImportFrom(self, node):
        if node.module is not None and node.module.partition(".")[0] == "torch":
            node.module = node.module.replace("torch", "pedigrad", 1)
        return node


def examine(text, name="program.py", session=None):
    """The session that watched a program, from its beginning to its end."""
    text = textwrap.dedent(text)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    code = compile(ast.fix_missing_locations(Imports().visit(ast.parse(text, name))), name, "exec")
    session = session or pedigrad.check(whole=True)
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()), session:
        exec(code, {"__name__": "__main__"})
    assert not session.faults, session.faults
    return session


def names(session):
    """The checks that found something."""
    return sorted({finding.check for finding in session.findings})
