"""What of a definition a stub shares with the original."""

import ast


def definition(source):
    """The first function or class in a text."""
    return next(
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    )


def outside(node):
    """All of a definition but its bodies: signatures and docstrings, of methods too."""
    found = [ast.get_docstring(node)]
    if isinstance(node, ast.FunctionDef):
        return [*found, ast.dump(node.args), ast.dump(node.returns) if node.returns else None]
    return found + [
        (child.name, outside(child))
        for child in node.body
        if isinstance(child, ast.FunctionDef)
        and (child.name.startswith("__") or not child.name.startswith("_"))
    ]
