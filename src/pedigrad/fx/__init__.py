"""`torch.fx`: programs of modules as graphs, which can be read, edited and run."""

from __future__ import annotations

from ..core.refused import lazily
from ._symbolic_trace import Tracer, symbolic_trace, wrap
from .graph import CodeGen, Graph
from .graph_module import GraphModule
from .immutable_collections import immutable_dict, immutable_list
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Attribute, Proxy
from .subgraph_rewriter import replace_pattern

__all__ = [
    "Attribute", "CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "has_side_effect",
    "immutable_dict", "immutable_list", "map_arg", "replace_pattern", "symbolic_trace", "wrap",
]  # fmt: skip

__getattr__ = lazily(__name__, __path__)
