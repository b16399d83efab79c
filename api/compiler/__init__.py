"""Operations as Python functions: what an answer looks like is worked out once a document, and not once a value."""

from api.compiler.compiled import Compiled, compile_operation

__all__ = ["Compiled", "compile_operation"]
