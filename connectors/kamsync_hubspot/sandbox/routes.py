"""From method and path to a handler: a tree over path segments, literals before parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .wire import Answer

Handler = Callable[..., Answer]  # (portal, request, *path parameters)


@dataclass(frozen=True, slots=True)
class Route:
    """`needs`: what the token must be allowed, by a word of `access.py`; "" for nothing."""

    method: str
    pattern: str
    handler: Handler
    needs: str


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """Finds the route of a path. `*` in a pattern is one segment, handed to the handler as text."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.pattern.strip("/").split("/"):
                if segment == "*":
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.literals.setdefault(segment, _Node())
            node.routes[route.method] = route

    def find(self, method: str, segments: list[str]) -> tuple[Route | None, list[str], bool]:
        """The route with its parameters; without one, whether the path exists for another method."""
        node, parameters = self._walk(self._root, segments, [])
        if node is None:
            return None, [], False
        return node.routes.get(method), parameters, True

    def _walk(self, node: _Node, rest: list[str], parameters: list[str]) -> tuple[_Node | None, list[str]]:
        if not rest:
            return (node, parameters) if node.routes else (None, [])
        literal = node.literals.get(rest[0])
        if literal is not None:
            found, taken = self._walk(literal, rest[1:], parameters)
            if found is not None:
                return found, taken
        if node.parameter is not None:
            return self._walk(node.parameter, rest[1:], [*parameters, rest[0]])
        return None, []
