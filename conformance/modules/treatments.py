"""What may be done to a module and must not change its results, as code that a failure prints."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reference import FORMATS
from strategies import Case

# Zeros in what a copy was made of: if it shares memory with it, its results change.
_SPOILED = "for tensor in original.state_dict().values():\n    tensor.zero_()"


@dataclass(frozen=True)
class Treatment:
    """Something that is done to a module before it is called.

    Attributes:
        name: in a test's id.
        code: statements that treat ``criterion``; may use its ``operands``, and ``other``, a module of the
            same options whose state is all ones.
        format: the format that the module has then; as before if empty.
        built_on: the device on which the module is made; that of the test if empty.
        moved_to: the device on which it is then; that of the test if empty.
    """

    name: str
    code: str = ""
    format: str = ""
    built_on: str = ""
    moved_to: str = ""

    def __str__(self) -> str:
        """The name."""
        return self.name

    @property
    def calls(self) -> bool:
        """Whether the module is called then: not where there are no numbers."""
        return self.moved_to != "meta"

    def devices(self, device: str) -> tuple[str, str]:
        """Where the module is made, and where it is then, in a test on a device."""
        return self.built_on or device, self.moved_to or device

    def of(self, case: Case) -> Case:
        """The case in the format that the module has then."""
        return replace(case, format=FORMATS[self.format]) if self.format else case


NOTHING = Treatment("nothing")
TREATMENTS = (
    Treatment("called", "criterion(*operands)"),
    Treatment("eval", "criterion.eval()"),
    Treatment("train", "criterion.eval().train()"),
    Treatment("deepcopy", f"original, criterion = criterion, copy.deepcopy(criterion)\n{_SPOILED}"),
    Treatment("pickle", "criterion = pickle.loads(pickle.dumps(criterion))"),
    Treatment(
        "save",
        "file = io.BytesIO()\ntorch.save(criterion, file)\nfile.seek(0)\n"
        "criterion = torch.load(file, weights_only=False)",
    ),
    Treatment(
        "load_state_dict",
        f"other.load_state_dict(criterion.state_dict())\noriginal, criterion = criterion, other\n{_SPOILED}",
    ),
    Treatment("double", "criterion.double()", "float64"),
    Treatment("half", "criterion.half()", "float16"),
    Treatment("to_dtype", "criterion.to(torch.bfloat16)", "bfloat16"),
    Treatment("to_device", "criterion.to(torch.get_default_device())", built_on="cpu"),
    # There it has no numbers, but on any machine it is seen of every tensor whether it moved.
    Treatment("to_meta", "criterion.to('meta')", moved_to="meta"),
)
