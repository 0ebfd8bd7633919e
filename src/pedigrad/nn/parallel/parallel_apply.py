"""Modules called one after the other, each on inputs of its own."""


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """What each module gives for its inputs."""
    if len(modules) != len(inputs):
        raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)}")
    named = kwargs_tup or [{}] * len(modules)
    given = [each if isinstance(each, (list, tuple)) else (each,) for each in inputs]
    return [module(*args, **kwargs) for module, args, kwargs in zip(modules, given, named, strict=True)]
