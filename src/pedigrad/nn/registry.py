"""The dictionaries of a module's parameters, buffers and children, mirrored as its plain attributes."""

import weakref

KINDS = ("_parameters", "_buffers", "_modules")


class Registered(dict):
    """Entries that a module owns; each change shows at once in the module's own `__dict__`.

    Reading `self.weight` is then an ordinary attribute look-up. The module is held weakly, so that module and
    registry make no reference cycle; copies and pickles of a registry are plain dictionaries, and the module
    that receives one makes its own registry of it.
    """

    __slots__ = ("_owner", "scope")

    def __init__(self, owner, entries=()):
        super().__init__(entries)
        self.scope = None  # of `_modules`: that of the owner when it was last called
        self._owner = weakref.ref(owner)
        owner.__dict__.update(self)

    def belongs_to(self, module):
        """Whether `module` is the one whose attributes follow this registry."""
        return self._owner() is module

    def _show(self, name, value):
        owner = self._owner()
        if owner is not None:
            owner.__dict__[name] = value

    def _hide(self, name, value):
        # A name may since have been given to something else: only our own entry is taken back.
        owner = self._owner()
        if owner is not None and name in owner.__dict__ and owner.__dict__[name] is value:
            del owner.__dict__[name]

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        self._show(name, value)

    def __delitem__(self, name):
        value = self[name]
        super().__delitem__(name)
        self._hide(name, value)

    def pop(self, name, *default):
        """The entry called `name`, which is removed."""
        if name not in self:
            return super().pop(name, *default)
        value = super().pop(name)
        self._hide(name, value)
        return value

    def popitem(self):
        """The name and value of the last entry, which is removed."""
        name, value = super().popitem()
        self._hide(name, value)
        return name, value

    def clear(self):
        """Remove every entry."""
        gone = dict(self)
        super().clear()
        for name, value in gone.items():
            self._hide(name, value)

    def update(self, *entries, **named):
        """Add the given entries, as `dict.update` does."""
        for name, value in dict(*entries, **named).items():
            self[name] = value

    def setdefault(self, name, default=None):
        """The entry called `name`, which is `default` if there was none."""
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, entries):  # type: ignore[misc]
        self.update(entries)
        return self

    def __reduce_ex__(self, protocol):
        return dict, (dict(self),)


def attach(module, kind, entries):
    """The module's new registry of this kind, holding `entries`; what the old one mirrored is taken back."""
    attributes = module.__dict__
    old = attributes.get(kind)
    if old is entries and type(old) is Registered and old.belongs_to(module):
        return old
    if type(old) is Registered and old.belongs_to(module):
        for name, value in old.items():
            old._hide(name, value)
    attributes[kind] = registry = Registered(module, entries)
    return registry


def registry(module, kind):
    """The module's registry of this kind, or None before `Module.__init__` has run.

    A module whose `__dict__` was filled by hand may hold a plain dictionary or another module's registry; it
    gets its own here.
    """
    entries = module.__dict__.get(kind)
    if entries is None or (type(entries) is Registered and entries.belongs_to(module)):
        return entries
    return attach(module, kind, entries)


def without_mirrors(attributes):
    """A copy of a module's `__dict__` with plain dictionaries for registries, and each entry in them only."""
    state = dict(attributes)
    for kind in KINDS:
        entries = state.get(kind)
        if type(entries) is Registered:
            for name, value in entries.items():
                if name in state and state[name] is value:
                    del state[name]
            state[kind] = dict(entries)
    return state
