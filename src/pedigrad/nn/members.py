"""Walking a tree of modules: its parameters, buffers and modules, by name and in order."""

from typing import Any


class Members:
    """The part of a module that lists what it and its descendants hold."""

    _modules: Any
    _get_name: Any

    def _named_members(self, members_of, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, value) of what `members_of(module)` gives for each module, Nones left out."""
        seen = set()
        owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in owners:
            for name, value in members_of(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield (f"{path}.{name}" if path else name), value

    def parameters(self, recurse=True):
        """An iterator over the parameters, each once."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """An iterator over (dotted name, parameter)."""
        yield from self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """An iterator over the buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """An iterator over (dotted name, buffer)."""
        yield from self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self):
        """An iterator over the child modules, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self):
        """An iterator over (name, child module), each child once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate=True):
        """An iterator over this module and its descendants, each once unless `remove_duplicate` is False."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """An iterator over (dotted name, module) of this module, called `prefix`, and its descendants."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def apply(self, fn):
        """The module, after `fn` was called with each of its descendants and then with itself."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # By dotted name

    def get_submodule(self, target):
        """The module at the dotted name `target`, this one for ""; AttributeError if there is none."""
        module = self
        for name in target.split(".") if target else ():
            module = module._member(name, Members, "an nn.Module")
        return module

    def get_parameter(self, target):
        """The parameter at the dotted name `target`; AttributeError if there is none."""
        return self._get_registered(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target):
        """The buffer at the dotted name `target`; AttributeError if there is none."""
        return self._get_registered(target, "_buffers", "a buffer")

    def _get_registered(self, target, kind, what):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        value = module._member(name, object, what)
        if module.__dict__[kind].get(name) is not value or value is None:
            raise AttributeError(f"`{name}` is not {what}")
        return value

    def _member(self, name, kind, what):
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        value = getattr(self, name)
        if not isinstance(value, kind):
            raise AttributeError(f"`{name}` is not {what}")
        return value

    def set_submodule(self, target, module, strict=False):
        """Put `module` at the dotted name `target`; with `strict` a module must be there already."""
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Members):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent._member(name, Members, "an nn.Module")
        setattr(parent, name, module)
