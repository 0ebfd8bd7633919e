"""`torch.export`: nothing is exported; what harmless programs ask is answered."""

from ..core.refused import lazily, refused

_WHY = "programs are not exported: save model.state_dict() by torch.save(), or compile the model by torch.compile()"

globals().update(refused(__name__, _WHY, functions="export draft_export save load unflatten dims default_decompositions Dim"))
globals().update(
    refused(
        __name__,
        _WHY,
        classes="ExportedProgram ExportGraphSignature ExportBackwardSignature ModuleCallEntry ModuleCallSignature ShapesCollection"
        " AdditionalInputs UnflattenedModule FlatArgsAdapter CustomDecompTable",
    )
)


def register_dataclass(cls: type, *, serialized_type_name: str | None = None) -> None:
    """Nothing: nothing is exported that could hold one."""


__getattr__ = lazily(__name__, __path__)
