# SPDX-License-Identifier: Apache-2.0
"""The parts of a TensorFlow that this process has already imported.

Nothing here imports TensorFlow, creates its context or runs an operation: modules come from
sys.modules, and a context that nobody has made yet stays unmade.
"""

import sys

MIN_VERSION = "2.14"
# What is looked at: the module, a name in it, and what it is for.
_WANTED = (
    ("context", "tensorflow.python.eager.context", "context_safe"),
    ("atomic", "tensorflow.python.eager.polymorphic_function.atomic_function",
     "RUNTIME_FUNCTION_REFS"),
    ("polymorphic", "tensorflow.python.eager.polymorphic_function.polymorphic_function",
     "Function"),
    ("concrete", "tensorflow.python.eager.polymorphic_function.concrete_function",
     "ConcreteFunction"),
    ("ops", "tensorflow.python.framework.ops", "EagerTensor"),
    ("func_graph", "tensorflow.python.framework.func_graph", "FuncGraph"),
    ("script_ops", "tensorflow.python.ops.script_ops", "_py_funcs"),
    ("resource_ops", "tensorflow.python.ops.resource_variable_ops", "BaseResourceVariable"),
    ("read_ops", "tensorflow.python.ops.gen_resource_variable_ops", "read_variable_op"),
    ("record", "tensorflow.python.eager.record", "stop_recording"),
    ("traces", "tensorflow.core.function.trace_type.default_types", "Literal"),
)  # fmt: skip


class TensorFlowError(RuntimeError):
    """This process has no TensorFlow that can be looked at; the text says why and what to try."""


class Runtime:
    """Modules of TensorFlow by a short name, e.g. `ops`; `version`."""

    def __init__(self):
        package = sys.modules.get("tensorflow")
        if package is None:
            raise TensorFlowError(
                "TensorFlow is not imported in this process; memwhy.tf looks at a TensorFlow that "
                "the program uses and never imports it"
            )
        version = getattr(package, "__version__", None)
        missing = []
        for name, module_name, attribute in _WANTED:
            module = sys.modules.get(module_name)
            if module is None or not hasattr(module, attribute):
                missing.append(f"{module_name}.{attribute}")
            setattr(self, name, module)
        if not isinstance(version, str):
            raise TensorFlowError(
                "TensorFlow is imported only in part (it has no __version__): its import failed or "
                "still runs; look again when `import tensorflow` has returned"
            )
        self.version = version
        if missing:
            number = _numbers(version)
            if number is not None and number < _numbers(MIN_VERSION):
                raise TensorFlowError(
                    f"TensorFlow {version} is too old: it has no {missing[0]}; "
                    f"{MIN_VERSION} or later is needed"
                )
            raise TensorFlowError(
                f"TensorFlow {version} is imported only in part, or is of a kind that is not "
                f"known: it has no {', '.join(missing)}"
            )

    def live_context(self):
        """The eager context whose runtime exists, or None."""
        context = self.context.context_safe()
        if context is None or getattr(context, "_context_handle", None) is None:
            return None
        return context


def _numbers(version):
    parts = version.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return None


def keras_versions():
    """Version of each Keras that this process has imported, by package."""
    found = {}
    for name in ("keras", "tf_keras"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            found[name] = version
    return found
