# SPDX-License-Identifier: Apache-2.0
"""Looking at objects without running code of their classes.

No repr, str, ==, hash, len or attribute access of an object that is not an exact builtin: types
come from type(), attributes from the C descriptors of the classes, items from the C methods of the
builtin base. What cannot be read so is left out.
"""

import types

_MRO = type.__dict__["__mro__"].__get__
_CLASS_DICT = type.__dict__["__dict__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
_MODULE = type.__dict__["__module__"].__get__
_EXCEPTION_LINKS = ("__traceback__", "__context__", "__cause__")
_KEY_LIMIT = 64


def mro_of(cls):
    """The method resolution order; (cls,) for a class that is being taken apart."""
    mro = _MRO(cls)
    return mro if type(mro) is tuple else (cls,)


def is_kind(obj, base):
    """isinstance without __instancecheck__ and __class__."""
    return any(entry is base for entry in mro_of(type(obj)))


def class_entry(cls, name):
    """What the first class in the order has under `name`, as (class, value); None without.

    The dictionaries are walked, not searched: a key may be a str of another class with an __eq__.
    """
    for entry in mro_of(cls):
        for key, value in list(_CLASS_DICT(entry).items()):
            if type(key) is str and key == name:
                return entry, value
    return None


def type_name(obj):
    """`module.QualName` of an object's class, builtins without module."""
    cls = type(obj)
    name = _QUALNAME(cls)
    try:
        module = _MODULE(cls)
    except AttributeError:
        module = None
    name = name if type(name) is str else "?"
    return name if type(module) is not str or module == "builtins" else f"{module}.{name}"


def shallow_size(obj):
    """Bytes of the object itself as the C code of its class says; a __sizeof__ in Python is
    passed over."""
    for entry in mro_of(type(obj)):
        for key, value in list(_CLASS_DICT(entry).items()):
            if type(key) is str and key == "__sizeof__":
                if type(value) is types.MethodDescriptorType:
                    try:
                        # Not value.__get__(obj)(): without a class that crashes in 3.13 where
                        # the method wants to know its class.
                        size = value(obj)
                    except (TypeError, ValueError):
                        continue
                    if type(size) is int:
                        return size
    return object.__sizeof__(obj)


def instance_dict(obj):
    """The instance's own dictionary, None without one."""
    for entry in mro_of(type(obj)):
        for key, value in list(_CLASS_DICT(entry).items()):
            if type(key) is str and key == "__dict__" and type(value) is types.GetSetDescriptorType:
                try:
                    found = value.__get__(obj, type(obj))
                except (AttributeError, TypeError):
                    continue
                return found if type(found) is dict else None
    return None


def key_text(key):
    """A dictionary key as source text, cut; its type where its text would be user code."""
    kind = type(key)
    if kind is str or kind is bytes:
        return repr(key[:_KEY_LIMIT]) + ("..." if len(key) > _KEY_LIMIT else "")
    if kind is int:
        return str(key) if key.bit_length() < 128 else "int"
    if kind in (bool, float, type(None)):
        return repr(key)
    return type_name(key)


def edge_name(owner, target):
    """How `owner` refers to `target` as source text: ".next", "['key']", "[3]"; "" if unknown."""
    attributes = instance_dict(owner)
    if attributes is not None:
        if attributes is target:
            return ".__dict__"
        for key, value in list(attributes.items()):
            if value is target:
                return f".{key[:_KEY_LIMIT]}" if type(key) is str else f".__dict__[{key_text(key)}]"
    try:
        if is_kind(owner, dict):
            for key, value in list(dict.items(owner)):
                if value is target:
                    return f"[{key_text(key)}]"
                if key is target:
                    return ".keys()"
        for base in (list, tuple):
            if is_kind(owner, base):
                for at, value in enumerate(list(base.__iter__(owner))):
                    if value is target:
                        return f"[{at}]"
    except RuntimeError:  # changed meanwhile
        return ""
    if type(owner) is types.CellType:
        return ".cell_contents"
    return _descriptor_name(owner, target)


def _descriptor_name(owner, target):
    """Slots, and the fields of C types that are no more than a pointer."""
    links = _EXCEPTION_LINKS if is_kind(owner, BaseException) else ()
    for entry in mro_of(type(owner)):
        for key, value in list(_CLASS_DICT(entry).items()):
            if type(key) is not str:
                continue
            is_link = key in links and type(value) is types.GetSetDescriptorType
            if type(value) is not types.MemberDescriptorType and not is_link:
                continue
            try:
                if value.__get__(owner, type(owner)) is target:
                    return f".{key}"
            except (AttributeError, TypeError):
                continue
    if is_kind(owner, type):
        for key, value in list(_CLASS_DICT(owner).items()):
            if value is target and type(key) is str:
                return f".{key[:_KEY_LIMIT]}"
    return ""
