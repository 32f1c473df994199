"""Metrics as text: as Prometheus reads it (exposition format 0.0.4), and as OpenMetrics 1.0 has it."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One line: the family's name with `suffix`, the labels, the number."""

    value: float
    labels: Labels = MappingProxyType({})
    suffix: str = ""


class Family(NamedTuple):
    """What is measured."""

    name: str
    """Without the suffix of its type; with its unit at the end, if it has one."""
    type: Literal["gauge", "counter", "histogram", "info"]
    unit: str
    help: str
    """One line, without a backslash or a quotation mark."""
    labels: tuple[str, ...] = ()


_SUFFIX = {"counter": "_total", "info": "_info"}
"""Of the samples. Prometheus' own format has it in the family's name, too; OpenMetrics has not."""


def prometheus(families: Iterable[tuple[Family, Iterable[Sample]]], common: Labels) -> str:
    """As node_exporter's textfile collector takes it: with neither timestamps nor types that Prometheus lacks.

    `common`: the labels that every sample has.
    """
    lines = []
    for family, samples in families:
        name = shown_name(family)
        kind = "gauge" if family.type == "info" else family.type
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {kind}", *_lines(family, samples, common)]
    return "\n".join([*lines, ""])


def openmetrics(families: Iterable[tuple[Family, Iterable[Sample]]], common: Labels) -> str:
    """The same as OpenMetrics."""
    lines = []
    for family, samples in families:
        lines.append(f"# TYPE {family.name} {family.type}")
        if family.unit:
            lines.append(f"# UNIT {family.name} {family.unit}")
        lines += [f"# HELP {family.name} {family.help}", *_lines(family, samples, common)]
    return "\n".join([*lines, "# EOF", ""])


def shown_name(family: Family) -> str:
    """The family's name as Prometheus has it."""
    return family.name + _SUFFIX.get(family.type, "")


def _lines(family: Family, samples: Iterable[Sample], common: Labels) -> Iterator[str]:
    for sample in samples:
        labels = ",".join(
            f'{label}="{_escaped(text)}"' for label, text in {**common, **sample.labels}.items()
        )
        name = family.name + sample.suffix if sample.suffix else shown_name(family)
        yield f"{name}{{{labels}}} {number(sample.value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """A number as both formats write it; infinity as ``+Inf``."""
    return "+Inf" if value == float("inf") else repr(value)
